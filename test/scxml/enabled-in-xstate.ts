// The tests of the suite that XState 5 runs on itself, by its own list: what users of XState count on.

/** Groups of which it runs every test. */
export const wholeGroups: readonly string[] = [
  "actionSend",
  "assign-current-small-step",
  "basic",
  "cond-js",
  "default-initial-state",
  "delayedSend",
  "documentOrder",
  "hierarchy",
  "hierarchy+documentOrder",
  "history",
  "if-else",
  "in",
  "internal-transitions",
  "more-parallel",
  "multiple-events-per-transition",
  "parallel",
  "parallel+interrupt",
  "targetless-transition",
];

/** Of the W3C's tests it runs these. */
export const w3c: readonly string[] = [
  ..."144 147 148 149 158 172 173 174 175 176 185 186 187 189 190 191 192 193".split(" "),
  ..."200 201 205 208 220 232 235 237 247 287 318 333 335 336 337 339 342 347".split(" "),
  ..."348 349 355 372 375 377 387 396 399 403a 403b 403c 404 405 406 407 416".split(" "),
  ..."417 419 421 423 445 449 453 495 503 504 505 560 570".split(" "),
].map((number) => `w3c-ecma/test${number}`);
