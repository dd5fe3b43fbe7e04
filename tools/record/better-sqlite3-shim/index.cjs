// In: the calls that the PDS and kysely's SQLite dialect make on better-sqlite3. Out: the same, answered by node:sqlite,
// because the real module has to be compiled and finds neither its prebuilt binary nor the right headers offline.
const { DatabaseSync } = require("node:sqlite");

/** SQLite's extended result codes (https://www.sqlite.org/rescode.html) whose names the PDS compares. */
const CODE_NAMES = new Map([
  [5, "SQLITE_BUSY"],
  [261, "SQLITE_BUSY_RECOVERY"],
  [517, "SQLITE_BUSY_SNAPSHOT"],
  [773, "SQLITE_BUSY_TIMEOUT"],
  [1555, "SQLITE_CONSTRAINT_PRIMARYKEY"],
  [2067, "SQLITE_CONSTRAINT_UNIQUE"],
]);

function withCodeNames(call) {
  try {
    return call();
  } catch (error) {
    const name = CODE_NAMES.get(error.errcode);
    if (name !== undefined) error.code = name;
    throw error;
  }
}

// better-sqlite3 gives plain objects and Buffers, node:sqlite objects without a prototype and Uint8Arrays.
function plainRow(row) {
  const plain = { ...row };
  for (const key in plain) {
    const value = plain[key];
    if (value instanceof Uint8Array) plain[key] = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return plain;
}

class Statement {
  #statement;

  constructor(statement) {
    this.#statement = statement;
    this.reader = statement.columns().length > 0;
  }

  all(parameters = []) {
    return withCodeNames(() => this.#statement.all(...parameters)).map(plainRow);
  }

  run(parameters = []) {
    return withCodeNames(() => this.#statement.run(...parameters));
  }

  *iterate(parameters = []) {
    for (const row of this.#statement.iterate(...parameters)) yield plainRow(row);
  }
}

class Database {
  #db;

  constructor(location, { timeout = 5000 } = {}) {
    this.#db = new DatabaseSync(location, { timeout });
  }

  pragma(text) {
    return this.#db.prepare(`PRAGMA ${text}`).all().map(plainRow);
  }

  prepare(text) {
    return withCodeNames(() => new Statement(this.#db.prepare(text)));
  }

  close() {
    if (this.#db.isOpen) this.#db.close();
  }
}

module.exports = Database;
