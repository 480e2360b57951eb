/** The JSON text a template gives for a run. */
import { ExpressionError, type Template } from '../../schemas/flow/model.ts'
import { type JsonText, toJsonText } from '../../schemas/json.ts'
import { inputRow, type OpenRun, outputText, stepRow } from './open-run.ts'
import { scopeOf } from './scope.ts'

/** UTF-8 bytes of a text rendered for a run: it must fit into one record of any log, with room to spare. */
export const MAX_TEXT_BYTES = 4 << 20

/** @throws {ExpressionError} `TEMPLATE_TOO_LARGE` */
export function checkTextSize(text: JsonText): JsonText {
  // a UTF-16 unit takes at most 3 bytes in UTF-8
  if (text.length * 3 <= MAX_TEXT_BYTES) return text
  const bytes = Buffer.byteLength(text)
  if (bytes <= MAX_TEXT_BYTES) return text
  throw new ExpressionError(
    'TEMPLATE_TOO_LARGE',
    '',
    `the rendered value has ${bytes} bytes as JSON; expected at most ${MAX_TEXT_BYTES}`,
  )
}

/** A payload that is passed on as it is needs no parsing. `seen` as for {@link scopeOf}. @throws {ExpressionError} */
export function templateText(run: OpenRun, template: Template, seen = Number.POSITIVE_INFINITY): JsonText {
  if (template.constant) return constantText(template)
  const { verbatim } = template
  if (verbatim === null) return checkTextSize(toJsonText(template.render(scopeOf(run, seen))))
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
