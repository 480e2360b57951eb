/** Fields of a run's metadata that runs can be found by. */
import { type Json, type JsonText, parseJson } from '../../schemas/json.ts'

const MAX_FIELDS = 32
const MAX_KEY_CHARS = 128
const MAX_VALUE_CHARS = 256

/** Top-level strings, numbers and booleans, in order of appearance; what is too long or too many is left out. */
export function metadataFields(metadata: JsonText | null): readonly (readonly [key: string, value: string])[] {
  if (metadata === null) return []
  const parsed = parsedOrNull(metadata)
  if (typeof parsed !== 'object' || parsed === null) return []
  const fields: [string, string][] = []
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') continue
    const text = String(value)
    if (key.length > MAX_KEY_CHARS || text.length > MAX_VALUE_CHARS) continue
    fields.push([key, text])
    if (fields.length === MAX_FIELDS) break
  }
  return fields
}

/** What cannot be read is not worth stopping for: the run is found by everything else. */
function parsedOrNull(text: JsonText): Json {
  try {
    return parseJson(text)
  } catch {
    return null
  }
}
