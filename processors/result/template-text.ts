/** The JSON text a template gives for a run. */
import type { Template } from '../../schemas/flow/model.ts'
import { type JsonText, toJsonText } from '../../schemas/json.ts'
import { inputRow, type OpenRun, outputText, stepRow } from './open-run.ts'
import { scopeOf } from './scope.ts'

/** A payload that is passed on as it is needs no parsing. `seen` as for {@link scopeOf}. @throws {ExpressionError} */
export function templateText(run: OpenRun, template: Template, seen = Number.POSITIVE_INFINITY): JsonText {
  if (template.constant) return constantText(template)
  const { verbatim } = template
  if (verbatim === null) return toJsonText(template.render(scopeOf(run, seen)))
  if (verbatim.kind === 'input') return inputRow(run).text
  const step = run.flow.byId.get(verbatim.step)!
  const order = stepRow(run, step)?.order ?? 0
  return order > seen ? ('null' as JsonText) : outputText(run, step)
}

const constants = new WeakMap<Template, JsonText>()
const NO_SCOPE = {
  input: null,
  vars: null,
  steps: {},
  run: { id: '', tenant: '', flow: '', version: 0, startedAt: '' },
}

function constantText(template: Template): JsonText {
  let text = constants.get(template)
  if (text === undefined) {
    text = toJsonText(template.render(NO_SCOPE))
    constants.set(template, text)
  }
  return text
}
