/** A folder in, its numbered .sql files in order out. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";

/** The database cannot be brought to this version by us; nothing has been changed. The message says what to do. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}

export interface MigrationFile {
  readonly number: number;
  readonly name: string;
  /** With `{{schema}}` as it stands in the file. */
  readonly sql: string;
  /** Hex, of the file's bytes. */
  readonly sha256: string;
}

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;

/** @throws MigrationError for a name that does not fit, and for a gap in the numbers, which start at 1. */
export function readMigrations(directory: URL): readonly MigrationFile[] {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  return names.map((fileName, index) => {
    const match = FILE_NAME.exec(fileName);
    if (match?.[1] === undefined || match[2] === undefined) {
      throw new MigrationError(`the migration ${fileName} is not named like 0001_what_it_does.sql`);
    }
    const number = Number(match[1]);
    if (number !== index + 1) {
      throw new MigrationError(`the migrations have a gap: ${fileName} stands where number ${index + 1} should be`);
    }
    const bytes = readFileSync(new URL(encodeURIComponent(fileName), directory));
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { number, name: match[2], sql: bytes.toString("utf8"), sha256 };
  });
}

/** Such as `0001_schema`. */
export function fullName({ number, name }: { readonly number: number; readonly name: string }): string {
  return `${String(number).padStart(4, "0")}_${name}`;
}
