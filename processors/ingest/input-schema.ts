/** Checks a run's input against the JSON Schema of its flow. */
import type { CompiledFlow } from '../../schemas/flow/model.ts'
import type { Json } from '../../schemas/json.ts'
import type { Refusal } from './refusal.ts'

/** `null` if the input matches. Reports the first thing that does not. */
export function checkInput(flow: CompiledFlow, input: Json): Refusal | null {
  const problem = flow.checkInput(input)[0]
  if (problem === undefined) return null
  const { path, message } = problem
  return {
    code: 'invalid_input',
    message: `the input does not match the schema of flow '${flow.flow}': \`${path}\` ${message}`,
    details: { path },
  }
}
