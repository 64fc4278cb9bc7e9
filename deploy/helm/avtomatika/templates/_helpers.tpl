{{- define "avtomatika.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "avtomatika.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" }}
{{- else if contains (include "avtomatika.name" .) .Release.Name }}
{{- .Release.Name | trunc 55 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "avtomatika.name" .) | trunc 55 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "avtomatika.selectorLabels" -}}
app.kubernetes.io/name: {{ include "avtomatika.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "avtomatika.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "avtomatika.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "avtomatika.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "avtomatika.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "avtomatika.secretName" -}}
{{- default (include "avtomatika.fullname" .) .Values.secrets.existingSecret }}
{{- end }}

{{- define "avtomatika.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}

{{/* Something where there are tokens for single workers, nothing otherwise. */}}
{{- define "avtomatika.hasWorkersFile" -}}
{{- if or .Values.secrets.workersConfig (and .Values.secrets.existingSecret .Values.secrets.workersFile) -}}yes{{- end -}}
{{- end }}
