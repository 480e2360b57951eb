/** Checks a run's input against the JSON Schema of its flow. */
import type { ErrorObject, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { CompiledFlow } from '../../schemas/flow/model.ts'
import { type Json, toJsonText } from '../../schemas/json.ts'
import type { Refusal } from './refusal.ts'

const validators = new WeakMap<CompiledFlow, ValidateFunction>()

/** `null` if the input matches. Reports the first thing that does not. */
export function checkInput(flow: CompiledFlow, input: Json): Refusal | null {
  if (flow.inputSchema === null) return null
  const validate = validatorOf(flow, flow.inputSchema)
  if (validate(input)) return null
  return refusalOf(flow, validate.errors![0]!)
}

function validatorOf(flow: CompiledFlow, schema: object): ValidateFunction {
  let validate = validators.get(flow)
  if (validate === undefined) {
    const ajv = new Ajv2020({ strict: false, verbose: true, logger: false })
    formats.default(ajv)
    validate = ajv.compile(schema)
    validators.set(flow, validate)
  }
  return validate
}

function refusalOf(flow: CompiledFlow, error: ErrorObject): Refusal {
  const path = `input${dotted(error.instancePath)}`
  const found = shortened(toJsonText(error.data))
  const expected = expectation(error)
  const message = `\`${path}\` is ${found}; flow '${flow.flow}' expects that it ${expected}`
  return { code: 'invalid_input', message, details: { path, found, expected, rule: error.keyword } }
}

function expectation({ keyword, message, params }: ErrorObject): string {
  if (keyword === 'enum') return `must be one of ${toJsonText(params.allowedValues)}`
  if (keyword === 'const') return `must be ${toJsonText(params.allowedValue)}`
  if (keyword === 'additionalProperties') return `must not have the property '${params.additionalProperty}'`
  return message ?? `must satisfy '${keyword}'`
}

/** `/lines/0/sku` becomes `.lines[0].sku`. */
function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}
