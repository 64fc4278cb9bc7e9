// The HTTP application: every route, the console, and an answer for everything else.
import { Hono } from "hono";
import { failure, responseOf } from "./answer.ts";
import type { AppOptions } from "./app-options.ts";
import { consolePages, consolePath } from "./console-pages.ts";
import { honoRoute } from "./hono-route.ts";
import type { Routes } from "./routes.ts";

export function createApp(
  routes: Routes,
  { authenticate, consoleDirectory, log }: AppOptions,
): Hono {
  const app = new Hono();
  for (const route of routes.all)
    app.on(
      route.operation.method,
      route.path.replaceAll(/\{(\w+)\}/g, ":$1"),
      honoRoute(route, authenticate),
    );

  app.get("/", (context) => context.redirect(consolePath));
  app.get(consolePath.slice(0, -1), (context) => context.redirect(consolePath));
  app.get(`${consolePath}*`, consolePages(consoleDirectory));

  app.notFound(({ req }) => responseOf(routes.nothingAt(req.method, req.path)));
  app.onError((error, { req }) =>
    responseOf(failure(error, log, { method: req.method, path: req.path })),
  );
  return app;
}
