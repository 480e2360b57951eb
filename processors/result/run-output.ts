/** What a completed run gives back. */
import type { CompiledStep } from '../../schemas/flow/model.ts'
import type { JsonText } from '../../schemas/json.ts'
import { type OpenRun, outputText } from './open-run.ts'
import { planOf } from './plan.ts'
import { checkTextSize, templateText } from './template-text.ts'

/**
 * The flow's `output`; without one the output of the last step, that is the only one nothing depends on, or an object of the outputs of all
 * such steps by id. A step that gave none (skipped, or optional and failed) counts as `null`.
 * @throws what the expression throws
 */
export function runOutput(run: OpenRun): JsonText {
  if (run.flow.output !== null) return stored(run, templateText(run, run.flow.output))
  const { sinks } = planOf(run.flow)
  if (sinks.length === 1) return outputText(run, sinks[0]!)
  const entries = sinks.map((step) => `${JSON.stringify(step.id)}:${payloadOf(run, step)}`)
  return stored(run, checkTextSize(`{${entries.join(',')}}` as JsonText))
}

function stored({ turn, head }: OpenRun, text: JsonText): JsonText {
  return turn.stored(head.tenant, text)
}

function payloadOf(run: OpenRun, step: CompiledStep): JsonText {
  return run.turn.payload(run.head.tenant, outputText(run, step))
}
