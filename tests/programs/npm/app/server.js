// Counts its visitors in a file of the temporary directory, which it makes when it starts.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "counter-"));
const file = path.join(directory, "visits");

http
  .createServer((request, response) => {
    fs.appendFileSync(file, "x");
    response.end(`visit ${fs.statSync(file).size}\n`);
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
