// How a chart looks: one stylesheet for pictures in files and in the console, light and dark.

export type ChartTheme = "light" | "dark" | "auto";

const light =
  "--ground:#fff;--region:#f8fafc;--region-line:#cbd5e1;--box:#fff;--line:#94a3b8;--ink:#0f172a;--soft:#475569;--faint:#64748b;--pill:#f1f5f9;--pill-line:#e2e8f0;--tag:#e0e7ff;--tag-ink:#4338ca;--lit:#2563eb;--lit-ink:#1d4ed8;--lit-box:#eff6ff;--lit-region:#f5f9ff;--lit-line:#60a5fa;--lit-pill:#dbeafe;--lit-pill-line:#93c5fd";
const dark =
  "--ground:#0b1120;--region:#111a2c;--region-line:#334155;--box:#172135;--line:#64748b;--ink:#e2e8f0;--soft:#aab7c9;--faint:#8b9bb1;--pill:#1a2538;--pill-line:#2c3a50;--tag:#272a5c;--tag-ink:#b4bcfd;--lit:#60a5fa;--lit-ink:#bfdbfe;--lit-box:#14264a;--lit-region:#101c35;--lit-line:#3b6fc4;--lit-pill:#1c3563;--lit-pill-line:#3b6fc4";

const rules = `
text{font-family:-apple-system,"Segoe UI",Inter,Roboto,"Helvetica Neue",Arial,sans-serif}
.box{fill:var(--box);stroke:var(--line);stroke-width:1.4}
.inner{fill:none;stroke:var(--line);stroke-opacity:.6}
.parent>.box{fill:var(--region);stroke:var(--region-line)}
.parallel>.box{stroke-dasharray:6 4}
.title{font-size:13px;font-weight:550;fill:var(--ink);text-anchor:middle}
.parent>.title{font-weight:650;text-anchor:start}
.task,.reaction{font-size:11px;fill:var(--faint);text-anchor:middle}
.parent>.task,.parent>.reaction{text-anchor:start}
.tag{fill:var(--tag)}
.tag-name{font-size:10px;font-weight:600;fill:var(--tag-ink);text-anchor:middle}
.initial circle,.initial .head{fill:var(--soft)}
.initial .line{stroke:var(--soft)}
.line{fill:none;stroke:var(--line);stroke-width:1.5}
.head{fill:var(--line)}
.history .line{stroke-dasharray:3 3}
.pill{fill:var(--pill);stroke:var(--pill-line)}
.event{font-size:11px;fill:var(--soft);text-anchor:middle}
.state .box,.route .line,.label .pill{transition:fill .2s,stroke .2s}
.active.leaf>.box{fill:var(--lit-box);stroke:var(--lit);stroke-width:2.2}
.active.leaf>.inner{stroke:var(--lit)}
.active.leaf>.title{fill:var(--lit-ink)}
.active.parent>.box{fill:var(--lit-region);stroke:var(--lit-line)}
.active.root>.box{fill:var(--region);stroke:var(--region-line)}
.last .line{stroke:var(--lit);stroke-width:2.2}
.last .head{fill:var(--lit)}
.last .pill{fill:var(--lit-pill);stroke:var(--lit-pill-line)}
.last .event{fill:var(--lit-ink);font-weight:600}
`;

/** Every rule begins with the picture's class, so that the sheet may stand in any page. */
export function chartStyle(theme: ChartTheme): string {
  const scope = ".avtomatika-chart";
  const palette = theme === "dark" ? dark : light;
  const scoped = rules
    .trim()
    .split("\n")
    .map((rule) => {
      const [selectors = "", body = ""] = rule.split("{");
      return `${selectors
        .split(",")
        .map((selector) => `${scope} ${selector}`)
        .join(",")}{${body}`;
    });
  return [
    `${scope}{${palette}}`,
    ...(theme === "auto" ? [`@media(prefers-color-scheme:dark){${scope}{${dark}}}`] : []),
    ...scoped,
  ].join("\n");
}
