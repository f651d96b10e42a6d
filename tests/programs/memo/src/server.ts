// Keeps short notes: each is a line of $DATA_DIR/memo.txt. Listens on the loopback address, port $PORT.
import { appendFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import express, { type NextFunction, type Request, type Response } from "express";

const port = Number(process.env.PORT ?? 8080);
const memoFile = join(process.env.DATA_DIR ?? "/data", "memo.txt");
// Beside the program's own code: in the image that is /app/try.txt.
const forbiddenFile = fileURLToPath(new URL("../try.txt", import.meta.url));

/** An error of a system call says its code and its path; one of the request has a status of its own. */
interface KnownError extends Error {
  code?: string;
  path?: string;
  status?: number;
}

const app = express();
app.use(express.json());

app.get("/health", (_request, response) => {
  response.json({ ok: true });
});

app.post("/memo", async (request, response) => {
  const text: unknown = request.body?.text;
  if (typeof text !== "string" || text.includes("\n")) {
    response.status(400).json({ code: "EINVAL", message: 'the body must be {"text": "one line"}' });
    return;
  }
  const draft = join(tmpdir(), `memo-${process.pid}-${Date.now()}.draft`);
  await writeFile(draft, text);
  try {
    await appendFile(memoFile, `${text}\n`);
  } finally {
    await rm(draft);
  }
  response.json({ saved: true, file: memoFile });
});

app.post("/try", async (_request, response) => {
  try {
    await writeFile(forbiddenFile, "written by the program itself\n");
    response.json({ code: null, path: forbiddenFile });
  } catch (error) {
    response.json({ code: (error as KnownError).code, path: forbiddenFile });
  }
});

// Express knows a handler of errors by its four parameters.
app.use((error: KnownError, _request: Request, response: Response, _next: NextFunction) => {
  response.status(error.status ?? 500).json({ code: error.code ?? "EUNKNOWN", path: error.path, message: error.message });
});

const server = app.listen(port, "127.0.0.1", (error?: Error) => {
  if (error) {
    throw error;
  }
  console.log(`memo: listening on 127.0.0.1:${port}`);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
