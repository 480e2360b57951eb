/** The bound on what one record may hold. */
import { LogError, type OutRecord } from '../../topology/log/port.ts'

/** Of key and headers together: three times what is read of others' records, whose bytes may take so much more as text. */
const MAX_EXTRAS_BYTES = 72 << 10

/** @throws {LogError} `RECORD_TOO_LARGE` */
export function checkSizes(records: readonly OutRecord[], maxRecordBytes: number): void {
  for (const { topic, key, value, headers } of records) {
    if (value.length > maxRecordBytes) {
      throw new LogError(
        'RECORD_TOO_LARGE',
        `a record for '${topic}' has ${value.length} bytes; the log takes at most ${maxRecordBytes}`,
      )
    }
    if (key === null && headers === null) continue
    let extras = key === null ? 0 : Buffer.byteLength(key)
    for (const [name, text] of Object.entries(headers ?? {}))
      extras += Buffer.byteLength(name) + Buffer.byteLength(text)
    if (extras > MAX_EXTRAS_BYTES) {
      throw new LogError(
        'RECORD_TOO_LARGE',
        `key and headers of a record for '${topic}' have ${extras} bytes; the log takes at most ${MAX_EXTRAS_BYTES}`,
      )
    }
  }
}
