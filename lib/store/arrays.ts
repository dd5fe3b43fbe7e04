/**
 * Arrays in Postgres' binary form. A batch crosses the wire as some sixty arrays; as text, half of the time would go into
 * digits and quotes. Form: int4 dimensions (0 or 1), int4 has-nulls, int4 element OID, then int4 length,
 * int4 lower bound, and each element as int4 length (−1 for null) and bytes. (PostgreSQL source, array_recv.)
 */

const OID = { bool: 16, bytea: 17, int8: 20, int4: 23, text: 25, uuid: 2950, jsonb: 3802 } as const;
const HEADER_BYTES = 20;
const EMPTY_HEADER_BYTES = 12;
const NULL_LENGTH = -1;
const JSONB_VERSION = 1;

export function int4Array(values: readonly (number | null)[]): Buffer {
  const { out, view } = fixedArray(OID.int4, values, 4);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = lengthInto(view, at, value === null ? NULL_LENGTH : 4);
    if (value !== null) {
      // A DataView would wrap it round.
      if ((value | 0) !== value) throw new RangeError(`no int4: ${value}`);
      view.setInt32(at, value);
      at += 4;
    }
  }
  return out;
}

export function int8Array(values: readonly (bigint | null)[]): Buffer {
  const { out, view } = fixedArray(OID.int8, values, 8);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = lengthInto(view, at, value === null ? NULL_LENGTH : 8);
    if (value !== null) {
      view.setBigInt64(at, value);
      at += 8;
    }
  }
  return out;
}

/** Whole numbers up to 2^53 as int8. */
export function int8ArrayOfNumbers(values: readonly (number | null)[]): Buffer {
  return int8Array(values.map((value) => (value === null ? null : BigInt(value))));
}

export function boolArray(values: readonly boolean[]): Buffer {
  const { out, view } = fixedArray(OID.bool, values, 1);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = lengthInto(view, at, 1);
    view.setUint8(at, value ? 1 : 0);
    at += 1;
  }
  return out;
}

export function byteaArray(values: readonly (Uint8Array | null)[]): Buffer {
  const bytes = values.reduce((sum, value) => sum + 4 + (value?.length ?? 0), 0);
  const { out, view } = arrayOf(OID.bytea, values, bytes);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = lengthInto(view, at, value?.length ?? NULL_LENGTH);
    if (value !== null) {
      out.set(value, at);
      at += value.length;
    }
  }
  return out;
}

/** Of 16 bytes each. */
export function uuidArray(values: readonly Uint8Array[]): Buffer {
  const { out, view } = fixedArray(OID.uuid, values, 16);
  let at = HEADER_BYTES;
  for (const value of values) {
    at = lengthInto(view, at, 16);
    out.set(value, at);
    at += 16;
  }
  return out;
}

export function textArray(values: readonly (string | null)[]): Buffer {
  return stringArray(OID.text, values);
}

export function jsonbArray(values: readonly (string | null)[]): Buffer {
  return stringArray(OID.jsonb, values);
}

/** Text and jsonb differ by one leading byte, the version of jsonb's form. */
function stringArray(oid: number, values: readonly (string | null)[]): Buffer {
  const lead = oid === OID.jsonb ? 1 : 0;
  const lengths = values.map((value) => (value === null ? NULL_LENGTH : Buffer.byteLength(value) + lead));
  const bytes = lengths.reduce((sum, length) => sum + 4 + Math.max(length, 0), 0);
  const { out, view } = arrayOf(oid, values, bytes);
  let at = HEADER_BYTES;
  values.forEach((value, index) => {
    at = lengthInto(view, at, lengths[index] ?? NULL_LENGTH);
    if (value !== null) {
      at = lead === 1 ? out.writeUInt8(JSONB_VERSION, at) : at;
      at += out.write(value, at, "utf8");
    }
  });
  return out;
}

/** A `DataView` writes an integer in 4 ns; `Buffer`'s own methods took 16 for an int4 and 72 for an int8. */
interface ArrayInMaking {
  readonly out: Buffer;
  readonly view: DataView;
}

function lengthInto(view: DataView, at: number, length: number): number {
  view.setInt32(at, length);
  return at + 4;
}

function fixedArray(oid: number, values: readonly unknown[], bytesEach: number): ArrayInMaking {
  const nulls = values.reduce<number>((sum, value) => sum + (value === null ? 1 : 0), 0);
  return arrayOf(oid, values, values.length * (4 + bytesEach) - nulls * bytesEach);
}

function arrayOf(oid: number, values: readonly unknown[], elementBytes: number): ArrayInMaking {
  const isEmpty = values.length === 0;
  const out = Buffer.allocUnsafe(isEmpty ? EMPTY_HEADER_BYTES : HEADER_BYTES + elementBytes);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  view.setInt32(0, isEmpty ? 0 : 1);
  view.setInt32(4, values.includes(null) ? 1 : 0);
  view.setInt32(8, oid);
  if (!isEmpty) {
    view.setInt32(12, values.length);
    view.setInt32(16, 1);
  }
  return { out, view };
}

/**
 * Elements of an array that came back as text, null for NULL; [] for an empty or NULL array. Only for elements that Postgres
 * does not quote: numbers, booleans, hex. (The client reads results as UTF-8 text, which binary ones do not survive.)
 */
export function readArray(text: string | null | undefined): (string | null)[] {
  if (text === null || text === undefined || text === "{}") {
    return [];
  }
  return text
    .slice(1, -1)
    .split(",")
    .map((element) => (element === "NULL" ? null : element));
}
