// What cannot be run where tests run, container files and the chart, is at least whole: it parses, and names what there is.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { variables } from "../../src/config.ts";
import { filesIn, read, root } from "./repository.ts";

const chart = "deploy/helm/avtomatika";
const manifests = filesIn(`${chart}/templates`, ".yaml");
const templates = [...manifests, ...filesIn(`${chart}/templates`, ".tpl", ".txt")];
const workerVariables = [...read("worker/config.ts").matchAll(/^ {2}([A-Z][A-Z_]+): z?/gm)];
const known = new Set([...Object.keys(variables), ...workerVariables.map(([, name]) => name!)]);

/** The text as it would be with every block there once, and a word for each value. */
function rendered(file: string): string {
  return read(file)
    .split("\n")
    .filter((line) => !/^\s*\{\{-.*\}\}\s*$/.test(line))
    .map((line) => line.replaceAll(/\{\{.*?\}\}/g, "value"))
    .join("\n");
}

interface Composed {
  readonly services: Readonly<Record<string, { environment?: Readonly<Record<string, string>> }>>;
}

describe.each(templates)("%s", (file) => {
  test("ends every block that it begins", () => {
    let depth = 0;
    for (const [, word] of read(file).matchAll(/\{\{-? *(if|with|range|define|end)\b/g)) {
      depth += word === "end" ? -1 : 1;
      expect(depth).toBeGreaterThanOrEqual(0);
    }
    expect(depth).toBe(0);
    expect(read(file).split("{{").length).toBe(read(file).split("}}").length);
  });

  test("uses values that values.yaml has, and parts that are defined", () => {
    const values = parse(read(`${chart}/values.yaml`)) as unknown;
    for (const [, path = ""] of read(file).matchAll(/\.Values\.([\w.]+)/g)) {
      let value = values;
      for (const member of path.split(".")) {
        expect(value, path).toHaveProperty(member);
        value = (value as Record<string, unknown>)[member];
      }
    }
    const defined = [...read(`${chart}/templates/_helpers.tpl`).matchAll(/define "([^"]+)"/g)];
    for (const [, part] of read(file).matchAll(/include "([^"]+)"/g))
      expect(defined.map(([, name]) => name)).toContain(part);
  });
});

describe.each(manifests)("%s", (file) => {
  test("is a manifest in YAML", () => {
    const { apiVersion, kind } = parse(rendered(file), { uniqueKeys: false }) as {
      readonly apiVersion: string;
      readonly kind: string;
    };
    expect(apiVersion).toMatch(/^([a-z0-9.]+\/)?v\d/);
    expect(kind).toMatch(/^[A-Z]/);
  });

  test("sets only variables that a server or a worker reads", () => {
    for (const [, name] of read(file).matchAll(/- name: ([A-Z][A-Z_]+)$/gm))
      expect(known).toContain(name);
  });
});

test("the chart uses every value that it offers", () => {
  const text = templates.map(read).join("\n");
  const offered = Object.entries(parse(read(`${chart}/values.yaml`)) as Record<string, unknown>);
  for (const [name, value] of offered) {
    const isGroup = typeof value === "object" && value !== null && !Array.isArray(value);
    const isWhole =
      text.includes(`toYaml .Values.${name} `) || text.includes(`with .Values.${name} `);
    const paths =
      isGroup && !isWhole ? Object.keys(value).map((member) => `${name}.${member}`) : [name];
    for (const path of paths) expect(text).toContain(`.Values.${path}`);
  }
});

/** Why a variable of the server is no value of the chart. */
const fixedByChart: Readonly<Record<string, string>> = {
  API_HOST: "a pod is reached from outside of it",
  DATA_DIR: "several servers share a Redis, and keep nothing on their disks",
  INSTANCE_ID: "a pod has a name",
  NODE_ENV: "what runs in a cluster is reached by others",
};
/** Where the chart mounts files, by the values that say which. */
const mounted: Readonly<Record<string, string>> = {
  REDIS_TLS_CA: "redis.tlsCertificates.existingSecret",
  REDIS_TLS_CERT: "redis.tlsCertificates.clientCertificate",
  REDIS_TLS_KEY: "redis.tlsCertificates.clientCertificate",
  WORKERS_CONFIG_PATH: "secrets.workersConfig",
};

test.each(Object.keys(variables).filter((name) => !(name in fixedByChart)))(
  "%s can be set by a value of the chart",
  (name) => {
    const deployment = read(`${chart}/templates/deployment.yaml`);
    const [, before = "", about = ""] =
      new RegExp(`\\n([^\\n]*)\\n *- name: ${name}\\n((?:(?! *- name: )[^\\n]*\\n)*)`).exec(
        deployment,
      ) ?? [];
    const key = /^ *key: (\S+)$/m.exec(about)?.[1];
    if (key !== undefined)
      expect(read(`${chart}/templates/secret.yaml`)).toMatch(
        new RegExp(
          `\\.Values\\.secrets\\.\\w+[^\\n]*\\n  ${key}: |  ${key}: .*\\.Values\\.secrets\\.`,
        ),
      );
    else if (name in mounted) {
      expect(about).toContain("/etc/avtomatika/");
      expect(templates.map(read).join("\n")).toContain(`.Values.${mounted[name]}`);
    } else expect(before + about).toMatch(/\.Values\.(redis|server)\./);
  },
);

test("what the chart fixes is what the server reads", () =>
  expect(Object.keys(variables)).toEqual(
    expect.arrayContaining([...Object.keys(fixedByChart), ...Object.keys(mounted)]),
  ));

test("the image, the README and the checklist speak of the same Node", () => {
  const [, major = ""] = /^FROM node:(\d+)-slim$/m.exec(read("Dockerfile")) ?? [];
  const images = [...read("Dockerfile").matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);
  expect(new Set(images)).toEqual(new Set([`node:${major}-slim`]));
  expect(read("README.md")).toContain(`Node ${major} is recommended`);
  expect(read("docs/operations.md")).toContain(`- [ ] Node ${major}.`);
});

test("compose.yaml sets only variables that a server or a worker reads", () => {
  const { services } = parse(read("compose.yaml")) as Composed;
  for (const { environment = {} } of Object.values(services))
    for (const name of Object.keys(environment)) expect(known).toContain(name);
});

test("the Dockerfile sets variables that there are, and copies files that are there and let in", () => {
  const text = read("Dockerfile");
  for (const [, line = ""] of text.matchAll(/^ENV (.*)$/gm))
    for (const [, name] of line.matchAll(/([A-Z_]+)=/g)) expect(known).toContain(name);
  const letIn = read(".dockerignore").split("\n");
  for (const [, files = ""] of text.matchAll(/^COPY (?!--from)(.*) \S+$/gm))
    for (const file of files.split(" ")) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(letIn).toContain(`!${file}`);
    }
});

test("what the worker of compose.yaml and of the chart runs is built from files that are there", () => {
  const text = read("compose.yaml") + read(`${chart}/values.yaml`);
  const paths = [...text.matchAll(/- dist\/(worker\/\S+)\.js$/gm)].map(([, path]) => `${path}.ts`);
  expect(paths.length).toBeGreaterThan(0);
  for (const path of paths) expect(existsSync(join(root, path)), path).toBe(true);
});
