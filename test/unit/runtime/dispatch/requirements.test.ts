// Which workers satisfy what a task requires, and what is said of those that do not.
import { expect, test } from "vitest";
import { lack, type Demand, type Offer } from "../../../../src/runtime/dispatch/requirements.ts";

const gpu = (model: string, vram_gb: number) => ({ gpu_info: { model, vram_gb } });

function worker(said: Partial<Offer> = {}): Offer {
  return { labels: {}, resources: {}, slots: 4, ...said };
}

const satisfied: readonly [string, Demand, Partial<Offer>][] = [
  ["nothing is asked", {}, {}],
  [
    "a GPU whose model contains the name, in whatever case",
    { requirements: gpu("a100", 40) },
    { resources: gpu("NVIDIA A100-SXM", 80) },
  ],
  [
    "one of several GPUs",
    { requirements: gpu("A100", 40) },
    {
      resources: {
        gpu_info: [
          { model: "T4", vram_gb: 16 },
          { model: "A100", vram_gb: 40 },
        ],
      },
    },
  ],
  [
    "models that are installed",
    { requirements: { installed_models: ["a", "b"] } },
    { installedModels: ["b", { name: "a" }] },
  ],
  [
    "models among the resources",
    { requirements: { installed_models: ["a"] } },
    { resources: { installed_models: ["a"] } },
  ],
  ["as many CPUs or more", { requirements: { cpu_cores: 8 } }, { resources: { cpu_cores: 8 } }],
  ["a label by its text", { requirements: { labels: { zone: "eu" } } }, { labels: { zone: "eu" } }],
  [
    "a label that is a number by its text",
    { requirements: { labels: { rack: 7 } } },
    { labels: { rack: "7" } },
  ],
  [
    "one of a list",
    { requirements: { labels: { zone: ["eu", "us"] } } },
    { labels: { zone: "us" } },
  ],
  [
    "every comparison of several",
    { requirements: { labels: { tier: { gte: 2, lt: 5, ne: 3 } } } },
    { labels: { tier: "4" } },
  ],
  [
    "none of a list, where the worker says nothing",
    { requirements: { labels: { zone: { not_in: ["us"] } } } },
    {},
  ],
  ["a label that must be absent", { requirements: { labels: { spot: { exists: false } } } }, {}],
  ["a cost that is just allowed", { maxCost: 0.5 }, { costPerSecond: 0.5 }],
  ["any cost of a worker that names none", { maxCost: 0.5 }, {}],
  ["as many slots as there are", { slots: 4 }, {}],
];
test.each(satisfied)("a worker is taken that has %s", (_, demand, said) => {
  expect(lack(demand, worker(said))).toBeUndefined();
});

const lacking: readonly [string, Demand, Partial<Offer>][] = [
  ["has no GPU", { requirements: gpu("A100", 40) }, { resources: { gpu_info: null } }],
  ["has no A100 GPU", { requirements: gpu("A100", 40) }, { resources: gpu("T4", 16) }],
  [
    "has a GPU of 24 GB, and the task needs 40 GB",
    { requirements: gpu("A100", 40) },
    { resources: gpu("A100", 24) },
  ],
  [
    'has not installed the model "llama"',
    { requirements: { installed_models: ["llama"] } },
    { installedModels: ["mistral", 7] },
  ],
  [
    'has the resource "cpu_cores" 4, which must be at least 8',
    { requirements: { cpu_cores: 8 } },
    { resources: { cpu_cores: 4 } },
  ],
  ['has no resource "memory_gb", which must be at least 8', { requirements: { memory_gb: 8 } }, {}],
  ['has no label "zone", which must be "eu"', { requirements: { labels: { zone: "eu" } } }, {}],
  [
    'has the label "zone" "us", which must be one of "eu", "asia"',
    { requirements: { labels: { zone: ["eu", "asia"] } } },
    { labels: { zone: "us" } },
  ],
  [
    'has the label "tier" "x", which must be above 2 and below 5',
    { requirements: { labels: { tier: { gt: 2, lt: 5 } } } },
    { labels: { tier: "x" } },
  ],
  [
    'has the label "spot" "1", which must be absent',
    { requirements: { labels: { spot: { exists: false } } } },
    { labels: { spot: "1" } },
  ],
  [
    'has the label "zone" "us", which must be other than "us"',
    { requirements: { labels: { zone: { ne: "us" } } } },
    { labels: { zone: "us" } },
  ],
  ["costs 0.6 a second, and the task may cost 0.5", { maxCost: 0.5 }, { costPerSecond: 0.6 }],
  ["has 4 slots, and the task takes 8", { slots: 8 }, {}],
];
test.each(lacking)("a worker is not taken that %s", (words, demand, said) => {
  expect(lack(demand, worker(said))).toBe(words);
});

test("a member that objects inherit is not a label", () => {
  const demand = { requirements: { labels: { constructor: { exists: true } } } };
  expect(lack(demand, worker())).toBe('has no label "constructor", which must be there');
});
