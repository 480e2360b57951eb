/** Bodies of requests to the schema registry. */
import { type AvroSchema, COMPATIBILITY_LEVELS, parseAvroSchema } from '../../schemas/registry/compatibility.ts'
import { RegistryAnswer } from './registry-answer.ts'

/** `{"schema": "...", "schemaType": "AVRO"}` @throws {RegistryAnswer} */
export function schemaIn(body: unknown): { readonly text: string; readonly schema: AvroSchema } {
  const { schema: text, schemaType = 'AVRO', references } = objectIn(body)
  if (schemaType !== 'AVRO') throw invalid(`the schema type is ${shownAs(schemaType)}; expected AVRO`)
  if (Array.isArray(references) && references.length > 0) {
    throw invalid('the schema has references; expected one that holds all its types')
  }
  if (typeof text !== 'string') throw invalid(`'schema' is ${shownAs(text)}; expected an Avro schema as JSON text`)
  try {
    return { text, schema: parseAvroSchema(text) }
  } catch (error) {
    throw invalid((error as Error).message)
  }
}

/** `{"compatibility": "BACKWARD"}` @throws {RegistryAnswer} */
export function levelIn(body: unknown): string {
  const { compatibility } = objectIn(body)
  const level = typeof compatibility === 'string' ? compatibility.toUpperCase() : ''
  if ((COMPATIBILITY_LEVELS as readonly string[]).includes(level)) return level
  const expected = COMPATIBILITY_LEVELS.join(', ')
  throw new RegistryAnswer(422, 42203, `'compatibility' is ${shownAs(compatibility)}; expected one of ${expected}`)
}

function objectIn(body: unknown): { readonly [name: string]: unknown } {
  try {
    const value: unknown = JSON.parse(body instanceof Uint8Array ? Buffer.from(body).toString('utf8') : '')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {}
  throw new RegistryAnswer(422, 422, 'the body is no JSON object')
}

function invalid(message: string): RegistryAnswer {
  return new RegistryAnswer(422, 42201, message)
}

function shownAs(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value) ?? 'missing').slice(0, 100)
}
