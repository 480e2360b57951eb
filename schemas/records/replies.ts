import { boolean, defineRecord, json, type RecordOf, string } from '../define.ts'

/** The answer to a request that carried a `replyTo`. */
export const Reply = defineRecord('Reply', 1, {
  correlation: string,
  ok: boolean,
  /** `accepted`, `duplicate`, `conflict`, `cancelled`, ... or an error code. */
  code: string,
  /** A JSON object whose form depends on the request. */
  body: json,
})
export type Reply = RecordOf<typeof Reply>
