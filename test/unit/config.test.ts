// The configuration: where values come from, what is refused, and which tokens are fit for whom.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { readConfig, readConnection, variables, type ConfigSources } from "../../src/config.ts";
import { RuntimeError } from "../../src/errors.ts";

const clientToken = "0123456789abcdef-client";
const workerToken = "0123456789abcdef-worker";
const safeTokens = { CLIENT_TOKEN: clientToken, GLOBAL_WORKER_TOKEN: workerToken };

const read = (sources: ConfigSources) =>
  readConfig({ env: {}, envFile: "/nowhere/.env", ...sources });
function refusal(sources: ConfigSources): RuntimeError {
  try {
    read(sources);
  } catch (error) {
    if (error instanceof RuntimeError) return error;
    throw error;
  }
  throw new Error("The configuration was not refused.");
}

describe("without any setting", () => {
  test("the server is for development: on loopback, with tokens made up anew", () => {
    const [one, other] = [read({}), read({})];
    expect(one).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      dataDirectory: "./data",
      retriesMax: 3,
      lossesMax: 3,
      ageMs: 60_000,
      softLimit: 3,
      workerTimeoutMs: 300_000,
      instanceId: hostname(),
      logLevel: "info",
      logFormat: "json",
      generated: { clientToken: true, workerToken: true },
    });
    const tokens = [one.clientToken, one.workerToken, other.clientToken, other.workerToken];
    expect(new Set(tokens).size).toBe(4);
    for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/);
  });

  test("a token that is given is kept, however short", () => {
    expect(read({ env: { CLIENT_TOKEN: "short" } })).toMatchObject({
      clientToken: "short",
      generated: { clientToken: false, workerToken: true },
    });
  });
});

test("the original's names for retries, timeouts and this server count, and flags win over them", () => {
  const env = {
    JOB_MAX_RETRIES: "0",
    WORKER_TIMEOUT_SECONDS: "90",
    INSTANCE_ID: "node-a",
    DISPATCHER_SOFT_LIMIT: "7",
  };
  expect(read({ env })).toMatchObject({
    retriesMax: 0,
    workerTimeoutMs: 90_000,
    instanceId: "node-a",
    softLimit: 7,
  });
  const flags = { maxRetries: "5", workerTimeout: "1", instanceId: "node-b" };
  expect(read({ env, flags })).toMatchObject({
    retriesMax: 5,
    workerTimeoutMs: 1000,
    instanceId: "node-b",
  });
  expect(refusal({ env: { WORKER_TIMEOUT_SECONDS: "0" } }).message).toContain(
    "WORKER_TIMEOUT_SECONDS or --worker-timeout: must be a whole number from 1 to 2000000",
  );
});

describe("sources", () => {
  test("flags win over the environment, and that over the file", () => {
    const directory = mkdtempSync(join(tmpdir(), "avtomatika-config-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const envFile = join(directory, ".env");
    writeFileSync(envFile, 'API_PORT=1001\nAPI_HOST="127.0.0.2"\nLOG_FORMAT=text\n# comment\n');
    const env = { API_PORT: "1002", API_HOST: "127.0.0.3" };
    expect(read({ envFile })).toMatchObject({ port: 1001, host: "127.0.0.2", logFormat: "text" });
    expect(read({ envFile, env })).toMatchObject({ port: 1002, host: "127.0.0.3" });
    expect(read({ envFile, env, flags: { port: 1003 } })).toMatchObject({
      port: 1003,
      host: "127.0.0.3",
      logFormat: "text",
    });
  });

  test("an empty variable and an absent flag say nothing", () => {
    expect(read({ env: { API_PORT: "" }, flags: { host: undefined } })).toMatchObject({
      port: 8080,
      host: "127.0.0.1",
    });
  });

  test("levels are understood as the original wrote them", () => {
    const level = (name: string) => read({ env: { LOG_LEVEL: name } }).logLevel;
    expect(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"].map(level)).toEqual([
      "debug",
      "info",
      "warn",
      "error",
      "fatal",
    ]);
  });
});

describe("a value that is wrong", () => {
  test("is refused together with every other, each with its name and what it may be", () => {
    const error = refusal({
      env: { API_PORT: "http", LOG_LEVEL: "loud", LOG_FORMAT: "xml" },
    });
    expect(error.code).toBe("config.invalid");
    expect(error.message).toContain(
      'API_PORT or --port: must be a whole number from 0 to 65535 (it is "http")',
    );
    expect(error.message).toMatch(
      /LOG_LEVEL or --log-level: must be one of trace, debug, .*"loud"/,
    );
    expect(error.message).toMatch(/LOG_FORMAT or --log-format: must be json or text .*"xml"/);
  });

  test.each(["65536", "-1", "80.5", "1e3", " 80", "0x50"])("is no port: %j", (port) => {
    expect(refusal({ flags: { port } }).code).toBe("config.invalid");
  });
});

describe("where others can reach the server, or in production", () => {
  const exposed: ConfigSources[] = [
    { env: { NODE_ENV: "production" } },
    { env: { API_HOST: "0.0.0.0" } },
    { flags: { host: "192.168.1.7" } },
    { flags: { host: "::" } },
    { flags: { host: "example.com" } },
  ];

  test.each(exposed)("missing tokens are refused: %j", (sources) => {
    const error = refusal(sources);
    expect(error.code).toBe("config.insecure");
    expect(error.message).toContain("CLIENT_TOKEN is not set");
    expect(error.message).toContain("GLOBAL_WORKER_TOKEN is not set");
  });

  test.each(exposed)("tokens of one's own are taken: %j", ({ env = {}, flags = {} }) => {
    expect(read({ env: { ...env, ...safeTokens }, flags })).toMatchObject({
      clientToken,
      workerToken,
      generated: { clientToken: false, workerToken: false },
    });
  });

  test.each([
    ["fifteen-letters", "shorter than 16"],
    ["secure-orchestrator-token", "everybody knows"],
    ["secure-worker-token", "everybody knows"],
    ["your-secret-worker-token", "everybody knows"],
    ["test-client-token", "everybody knows"],
    [workerToken, "are the same"],
  ])("the client token %s is refused, without being repeated", (token, why) => {
    const error = refusal({
      env: { NODE_ENV: "production", ...safeTokens, CLIENT_TOKEN: token },
    });
    expect(error.code).toBe("config.insecure");
    expect(error.message).toContain(why);
    expect(error.message).not.toContain(token);
  });

  test("tokens with names are enough, and then none without a name is made up or asked for", () => {
    const CLIENT_TOKENS = `ops:${clientToken}, ci@build:another+token/of:16==`;
    for (const env of [{}, { NODE_ENV: "production", GLOBAL_WORKER_TOKEN: workerToken }]) {
      const config = read({ env: { ...env, CLIENT_TOKENS } });
      expect(config.clientTokens).toEqual(
        new Map([
          ["ops", clientToken],
          ["ci@build", "another+token/of:16=="],
        ]),
      );
      expect(config).not.toHaveProperty("clientToken");
      expect(config.generated.clientToken).toBe(false);
    }
  });

  test.each([
    ["fifteen-letters", "CLIENT_TOKENS ci is shorter than 16"],
    ["secure-worker-token", "everybody knows"],
    [workerToken, "CLIENT_TOKENS ci and GLOBAL_WORKER_TOKEN are the same"],
    [clientToken, "CLIENT_TOKENS ci and CLIENT_TOKEN are the same"],
  ])("the named token %s is refused, without being repeated", (token, why) => {
    const CLIENT_TOKENS = `ops:some-safe-token-of-ops,ci:${token}`;
    const error = refusal({ env: { NODE_ENV: "production", ...safeTokens, CLIENT_TOKENS } });
    expect(error.code).toBe("config.insecure");
    expect(error.message).toContain(why);
    expect(JSON.stringify([error.message, error.details])).not.toContain(token);
  });

  test.each([
    ["s3cret-s3cret-s3cret", "entry 1 must be name:token"],
    ["ops:", "entry 1 must be name:token"],
    [":s3cret-s3cret-s3cret", "entry 1 must be name:token"],
    ["ops:s3cret-s3cret-s3cret,", "entry 2 must be name:token"],
    ["ops:s3cret s3cret-s3cret", "entry 1 must be name:token"],
    ["o ps:s3cret-s3cret-s3cret", "entry 1 must be name:token"],
    ["ops:s3cret-s3cret-s3cret,ops:s3cret-other-s3cret", "the name ops stands there twice"],
    ["ops:s3cret-s3cret-s3cret,ci:s3cret-s3cret-s3cret", "ci has the same token"],
  ])("named tokens as %s are not understood, anywhere, and not repeated", (CLIENT_TOKENS, why) => {
    const error = refusal({ env: { CLIENT_TOKENS } });
    expect(error.code).toBe("config.invalid");
    expect(error.message).toContain(`CLIENT_TOKENS: ${why}`);
    expect(JSON.stringify([error.message, error.details])).not.toContain("s3cret");
  });

  test.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("%s is loopback", (host) => {
    expect(read({ flags: { host } }).host).toBe(host);
  });
});

test("the table says of every variable what it is for", () => {
  for (const { about } of Object.values(variables)) expect(about).toMatch(/\.$/);
});

describe("whom to connect to", () => {
  const envFile = join(mkdtempSync(join(tmpdir(), "avtomatika-config-")), ".env");
  writeFileSync(envFile, "AVTOMATIKA_URL=http://file\nCLIENT_TOKEN=file\nWORKER_TOKEN=file\n");

  test("is said by flags, then by the environment, then by the file", () => {
    const env = { AVTOMATIKA_URL: "http://env" };
    const flags = { token: "flag" };
    expect(readConnection("client", { env, flags, envFile })).toEqual({
      url: "http://env",
      token: "flag",
      dataDirectory: "./data",
    });
    expect(readConnection("client", { env: {}, envFile })).toMatchObject({
      url: "http://file",
      token: "file",
    });
  });

  test("has names of its own for workers", () => {
    const env = { ORCHESTRATOR_URL: "http://env", WORKER_INDIVIDUAL_TOKEN: "own", DATA_DIR: "/d" };
    expect(readConnection("worker", { env, envFile })).toEqual({
      url: "http://env",
      token: "own",
      dataDirectory: "/d",
    });
  });

  test("may be left open", () => {
    expect(readConnection("client", { env: { CLIENT_TOKEN: "" }, envFile: "/nowhere" })).toEqual({
      dataDirectory: "./data",
    });
  });
});

test("defaults stand behind everything else", () => {
  const defaults = { logFormat: "text" };
  expect(read({ defaults }).logFormat).toBe("text");
  expect(read({ defaults, env: { LOG_FORMAT: "json" } }).logFormat).toBe("json");
});

test.each([
  [{ REDIS_TLS_CERT: import.meta.filename }, "REDIS_TLS_CERT and REDIS_TLS_KEY"],
  [{ REDIS_TLS_KEY: import.meta.filename }, "REDIS_TLS_CERT and REDIS_TLS_KEY"],
  [{ REDIS_TLS_CA: import.meta.filename }, "REDIS_TLS_CA"],
])("files for TLS such as %o are refused", (files, name) => {
  const { code, message } = refusal({ env: { REDIS_URL: "rediss://host", ...files } });
  expect(code).toBe("config.invalid");
  expect(message).toContain(name);
});

test("certificates for a connection without TLS are refused", () => {
  const files = { REDIS_TLS_CA: "/etc/redis/ca.pem" };
  const { code, message } = refusal({ env: { REDIS_URL: "redis://host", ...files } });
  expect(code).toBe("config.invalid");
  expect(message).toContain("rediss://");
  // The very same with TLS gets as far as the file.
  const withTls = { REDIS_URL: "redis://host", REDIS_TLS: "true", ...files };
  expect(refusal({ env: withTls }).message).toContain("ca.pem");
});

describe("ended jobs", () => {
  test("are kept for ever where nothing is said, and go nowhere", () => {
    expect(read({})).not.toHaveProperty("retentionMs");
    expect(read({})).not.toHaveProperty("archiveUri");
  });
  test("are kept for so many seconds, and go to the database of the Python system's variable", () => {
    const env = { JOB_RETENTION_SECONDS: "86400", HISTORY_DATABASE_URI: "sqlite:history.db" };
    expect(read({ env })).toMatchObject({
      retentionMs: 86_400_000,
      archiveUri: "sqlite:history.db",
    });
  });
  test.each([
    { JOB_RETENTION_SECONDS: "0" },
    { JOB_RETENTION_SECONDS: "1.5" },
    { HISTORY_DATABASE_URI: "mysql://me:secret@host/name" },
  ])("are refused settings such as %o, without telling secrets", (env) => {
    const { code, message } = refusal({ env });
    expect(code).toBe("config.invalid");
    expect(message).toContain(Object.keys(env)[0]);
    expect(message).not.toContain("secret");
  });
});

test("what is said of Redis in vain is named, and what Kubernetes says of a service is not", () => {
  const env = { REDIS_PORT: "6380", REDIS_PASSWORD: "secret", REDIS_HOST: "" };
  expect(read({ env }).vainVariables).toEqual(["REDIS_PORT", "REDIS_PASSWORD"]);
  expect(read({ env: { ...env, REDIS_HOST: "redis" } }).vainVariables).toEqual([]);
  const linked = { REDIS_PORT: "tcp://10.0.0.1:6379" };
  expect(read({ env: linked }).vainVariables).toEqual([]);
  expect(read({ env: { ...linked, REDIS_HOST: "redis" } }).redis!.deployment).toEqual({
    kind: "single",
    server: { host: "redis", port: 6379 },
  });
});
