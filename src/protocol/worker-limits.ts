// What both sides of the worker protocol hold each other to, and which versions and additions there are.

/**
 * The attempts that one frame lists at most, over all its lists: with the longest ids they fit, and stay below the keys
 * that inbound JSON may have. Longer lists go over several pages.
 */
export const refsPerFrameMax = 1_500;
/** The largest checkpoint, in bytes of JSON. */
export const checkpointBytesMax = 64 * 1024;
/** The largest data of an event, in bytes of JSON, and the longest type of one. */
export const eventBytesMax = 64 * 1024;
export const eventTypeCharsMax = 128;
/** The most bytes that one chunk of a stream carries. */
export const chunkBytesMax = 32 * 1024;
/** The most streams that one attempt has open at once. */
export const streamsMax = 16;

/** The versions of the frames that a server speaks; what changes inside one is only added. */
export const protocolVersions: readonly number[] = [1];
/** What was added inside version 1. A server lists in its welcome what it knows of it. */
export const features = [
  "hot_cache",
  "checkpoint",
  "event",
  "log",
  "chunk",
  "labels",
  "limits",
  "auth",
  "hello_more",
] as const;
export type Feature = (typeof features)[number];
