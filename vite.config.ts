// Builds the web console into dist/console, from where the server serves it under /console/.
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: join(import.meta.dirname, "src/console"),
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: join(import.meta.dirname, "dist/console"),
    emptyOutDir: true,
    target: "es2023",
    // Everything is a file of its own: the content security policy has no room for data in places of files.
    assetsInlineLimit: 0,
  },
});
