// The console's files, as they were built, with headers that let them do nothing but what the console does.
import { readFile } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import type { Context } from "hono";

/** Where the console lives. */
export const consolePath = "/console/";

const contentTypes: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

const pageHeaders = {
  // Charts bring their stylesheet with them, inside the SVG; scripts come only from our own files.
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

/**
 * The handler of everything under `consolePath`. Paths without an extension are pages of the console's own
 * and get its `index.html`.
 *
 * @param directory Where the build is; it is looked at for each request, so that a new build needs no restart.
 */
export function consolePages(directory: string): (context: Context) => Promise<Response> {
  return async (context) => {
    const path = decoded(context.req.path.slice(consolePath.length));
    const isFile = extname(path) !== "";
    const file = isFile ? await read(directory, path) : await read(directory, "index.html");
    if (file) return page(file, isFile ? path : "index.html");
    return isFile ? notThere() : notBuilt();
  };
}

async function read(directory: string, path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const inside = normalize(path);
  if (path.includes("\0") || inside === ".." || inside.startsWith(`..${sep}`)) return undefined;
  try {
    return await readFile(join(directory, inside));
  } catch (error) {
    if (["ENOENT", "EISDIR", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return undefined;
    throw error;
  }
}

function page(body: Uint8Array<ArrayBuffer>, path: string): Response {
  return new Response(body, {
    headers: {
      ...pageHeaders,
      "content-type": contentTypes[extname(path)] ?? "application/octet-stream",
      // Files below assets/ have a hash of their content in their names.
      "cache-control": path.startsWith("assets/")
        ? "public, max-age=31536000, immutable"
        : "no-cache",
    },
  });
}

function notThere(): Response {
  const headers = {
    ...pageHeaders,
    "content-type": "text/plain; charset=utf-8",
    "cache-control": "no-store",
  };
  return new Response("There is no such file in the console.\n", { status: 404, headers });
}

function notBuilt(): Response {
  const headers = {
    ...pageHeaders,
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
  };
  return new Response(notBuiltPage, { status: 503, headers });
}

const notBuiltPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Avtomatika</title>
<style>body{font:16px/1.5 system-ui,sans-serif;margin:15vh auto;max-width:34rem;padding:0 1rem}code{background:#8882;padding:.1em .3em}</style>
<h1>The console has not been built</h1>
<p>The server works; only its web pages are missing. Run <code>npm run build:console</code> and load this page again.</p>
</html>
`;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
