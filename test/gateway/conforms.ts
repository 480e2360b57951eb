/** Whether answers have the form that the description says: asked of every answer that a test gets from a gateway in memory. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { errorBody } from '../../gateway/api/common.ts'
import { API } from '../../gateway/api/index.ts'
import { LINES_TYPE, type Operation, STREAM_TYPE } from '../../gateway/api/operation.ts'
import type { Schema } from '../../gateway/api/schema.ts'
import { ERROR_STATUSES } from '../../gateway/errors.ts'
import { openApiDocument } from '../../gateway/openapi/document.ts'

const operations: readonly (readonly [RegExp, Operation])[] = Object.values(API)
  .map((operation: Operation) => [patternOf(operation.path), operation] as const)
  // `/runs/counts` goes before `/runs/:run_id`
  .sort(([, a], [, b]) => a.path.split(':').length - b.path.split(':').length)

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/:[a-z_]+/g, '[^/]+')}$`)
}

const validators = new Map<Schema<unknown>, ValidateFunction>()
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
const { components } = openApiDocument(API, '0') as { readonly components: { readonly schemas: object } }
ajv.addSchema(closed({ $id: 'https://beamline.test/', components }) as object)

/** @throws {Error} with what does not fit */
export function checkAnswer(method: string, url: string, status: number, type: string, body: unknown): void {
  const path = url.split('?')[0]!
  const operation = operations.find(([pattern, { method: own }]) => own === method && pattern.test(path))?.[1]
  if (operation === undefined || status === 304) return
  const content = operation.answers[status]
  if (content === undefined) {
    const known = [...operation.errors, 'internal', 'unavailable'] as const
    if (!known.some((code) => ERROR_STATUSES[code as 'internal'] === status)) {
      throw new Error(`${method} ${operation.path} answered ${status}, which is not described`)
    }
    check(errorBody, body, `${method} ${operation.path} ${status}`)
    return
  }
  if (content.type === STREAM_TYPE || !type.startsWith(content.type)) return
  const values = content.type === LINES_TYPE ? String(body).trimEnd().split('\n').map(parsed) : [body]
  for (const value of values) check(content.schema, value, `${method} ${operation.path} ${status}`)
}

const parsed = (line: string): unknown => JSON.parse(line)

function check(schema: Schema<unknown>, value: unknown, what: string): void {
  let validate = validators.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(closed(absolute(schema.json)) as object)
    validators.set(schema, validate)
  }
  if (validate(value)) return
  const problems = ajv.errorsText(validate.errors?.slice(0, 3), { dataVar: '' })
  throw new Error(`${what}: ${problems} in ${JSON.stringify(value).slice(0, 1000)}`)
}

/** Fields that are not described are an error here. */
function closed(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(closed)
  if (typeof json !== 'object' || json === null) return json
  const copy = Object.fromEntries(Object.entries(json).map(([name, value]) => [name, closed(value)]))
  const open = copy.type === 'object' && 'properties' in copy && !('additionalProperties' in copy)
  return open ? { ...copy, additionalProperties: false } : copy
}

function absolute(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(absolute)
  if (typeof json !== 'object' || json === null) return json
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      name === '$ref' ? `https://beamline.test/${String(value)}` : absolute(value),
    ]),
  )
}
