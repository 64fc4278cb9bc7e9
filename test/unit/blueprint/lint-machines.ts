// Machines for the linter: ways to write bad ones in a line, and the check of a rule by a bad one and its good neighbour.
import { describe, expect, test } from "vitest";
import type { createMachine } from "xstate";
import {
  fromCallback,
  fromObservable,
  fromPromise,
  fromTransition,
  setup,
  type AnyStateMachine,
} from "xstate";
import { z } from "zod";
import { lint } from "../../../src/blueprint/lint.ts";
import { severities, type Finding } from "../../../src/blueprint/lint/finding.ts";
import { task } from "../../../src/blueprint/task.ts";

export const work = task("work", { input: z.unknown(), output: z.unknown() });
export const promise = fromPromise(async () => 1);

/** What `setup` declares for the machines below. */
const declared = {
  actors: {
    work,
    promise,
    callback: fromCallback(() => {}),
    counter: fromTransition(() => 0, 0),
    ticks: fromObservable(() => ({ subscribe: () => ({ unsubscribe() {} }) }) as never),
    machine: setup({}).createMachine({}),
  },
  guards: { ready: () => true },
  delays: { soon: 1000 },
  actions: { note: () => {} },
};

/** A machine of any shape: the linter is for those that the compiler lets through. */
export const machine = (config: object, more: object = {}): AnyStateMachine =>
  (
    setup({ ...declared, ...more }) as unknown as { createMachine: typeof createMachine }
  ).createMachine({ id: "m", ...config }) as AnyStateMachine;

export const invoking = (invoke: object, more: object = {}): object => ({
  initial: "a",
  states: { a: { invoke: { id: "w", onError: "b", ...invoke }, on: { NEXT: "b" } }, b: {} },
  ...more,
});
export const on = (transition: object | string, more: object = {}): object => ({
  initial: "a",
  states: { a: { on: { GO: transition, NEXT: "b" }, ...more }, b: {} },
});
/** Options of a raise that is delayed by a name, which only a machine's own setup can type. */
export const named = (delay: string) => ({ id: "x", delay }) as object;
export const regions = (a: object, b: object): object => ({
  type: "parallel",
  states: {
    one: { initial: "a", states: { a } },
    two: { initial: "b", states: { b, c: { on: { BACK: "b" } } }, on: { TO_C: ".c" } },
  },
});

export interface Case {
  readonly code: Finding["code"];
  readonly severity: Finding["severity"];
  readonly title: string;
  readonly bad: AnyStateMachine;
  readonly where: string;
  readonly good: AnyStateMachine;
}

const found = (one: AnyStateMachine, code: Finding["code"]): readonly Finding[] =>
  lint(one, { style: "native" }).filter((finding) => finding.code === code);

/** A positive and a negative test for each case. */
export function checkCases(cases: readonly Case[]): void {
  describe.each(cases)("$code: $title", ({ code, severity, bad, where, good }) => {
    test("is found, at its place, with what to do about it", () => {
      expect(found(bad, code)).toContainEqual({
        code,
        severity,
        where,
        state: expect.any(String),
        message: expect.stringMatching(/^\S.{20,}\.$/),
      });
    });

    test("is not found in the machine beside it", () => {
      expect(found(good, code)).toEqual([]);
    });
  });
}

/** What the linter finds of a severity, in its order. */
export const codesOf = (one: AnyStateMachine): readonly string[] =>
  lint(one, { style: "native" }).map(({ code }) => code);

export const ranksOf = (one: AnyStateMachine): readonly number[] =>
  lint(one, { style: "native" }).map(({ severity }) => severities.indexOf(severity));
