// Starts the console in the page.
import "./no-eval.ts";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "./style/base.css";
import "./style/parts.css";
import "./style/pages.css";

const place = document.getElementById("console");
if (!place) throw new Error("The page has no element for the console.");
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
