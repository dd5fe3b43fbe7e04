/** SubjectRefs of a batch's records in, each subject once out, with the place of each reference. */
import type { SubjectRef } from "./collections/collection.ts";
import { latin1 } from "./utf8.ts";

export class Subjects {
  /** In the order in which they were first met. */
  readonly distinct: SubjectRef[] = [];
  readonly #places = new Map<string, number>();
  readonly #placeOfRef = new Map<SubjectRef, number>();

  add(ref: SubjectRef): void {
    const key = `${ref.rkey}/${latin1(ref.cid, 0, ref.cid.length)}/${ref.did}/${ref.collection}`;
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.distinct.push(ref) - 1;
      this.#places.set(key, place);
    }
    this.#placeOfRef.set(ref, place);
  }

  /** Place in `distinct` of a reference that was added. */
  placeOf(ref: SubjectRef): number {
    const place = this.#placeOfRef.get(ref);
    if (place === undefined) {
      throw new RangeError(`at://${ref.did}/${ref.collection}/${ref.rkey} is no reference of this batch`);
    }
    return place;
  }
}
