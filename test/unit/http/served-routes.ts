// Every path that is served, by what the contract says of it.
import { contract, type Operation } from "../../../src/protocol/contract.ts";

export const servedRoutes = Object.entries<Operation>(contract).flatMap(
  ([name, { method, path, under, auth }]) => {
    const filled = path
      .replace("{id}", "0_x")
      .replace("{name}", "door")
      .replace("/{endpoint}", "/jobs/test");
    const prefixes = under === "root" ? [""] : ["/api", "/api/v1"];
    return prefixes.map((prefix) => ({ name, auth, method, path: `${prefix}${filled}` }));
  },
);
