import type { StepId } from '../ids.ts'
import type { Json } from '../json.ts'
import { checkEdges } from './check-edges.ts'
import {
  checkSecrets,
  checkStep,
  expressionAt,
  type FlowContext,
  reportUnknownStep,
  type StepDraft,
} from './check-step.ts'
import { isObject, type JsonObject } from './expression-values.ts'
import { aliased, checkNames, choiceAt, durationAt, integerAt, listAt, objectAt } from './fields.ts'
import { FLOW_NAME_FORM, isFlowName } from './flow-name.ts'
import type { Graph } from './graph.ts'
import { checkSchema, inputChecker } from './input-schema.ts'
import type { CompiledFlow, CompiledStep, Template } from './model.ts'
import { type Path, type Problems, show } from './problems.ts'
import { secretsIn } from './secret-text.ts'
import { asTemplate, checkTemplate } from './template.ts'

export const MAX_STEPS = 1_000
export const DEFAULT_PRIORITY = 5
/** How long a sticky key is remembered where the flow does not say. */
export const DEFAULT_STICKY_TTL_MS = 600_000

const KNOWN = [
  'flow',
  'version',
  'input',
  'output',
  'steps',
  'edges',
  'deadline',
  'onFailure',
  'priority',
  'sticky',
  'vars',
  'secrets',
]
const OLDER = ['id', 'tenant_id', 'secrets_refs', 'policies']
const LATER = ['concurrency', 'triggers', 'retention']

export interface CheckOptions {
  /** Off for a document that was checked before: its input schema is compiled at its first use only, its scripts are not read. */
  readonly checkSchemas: boolean
}

/** The flow a document describes; `null` when something is wrong with it, which is reported. */
export function checkDocument(
  value: Json,
  context: Omit<FlowContext, 'vars' | 'secrets' | 'checkSources'>,
  options: CheckOptions,
): CompiledFlow | null {
  const { problems } = context
  if (value === null) {
    problems.report('INVALID_FIELD', [], 'the document is empty; expected a flow: an object with flow and steps')
    return null
  }
  const document = objectAt(value, [], 'a flow: an object with flow and steps', problems)
  if (document === null) return null
  checkNames(document, { known: [...KNOWN, ...OLDER], later: LATER }, [], problems)
  const vars =
    document.vars == null ? {} : (objectAt(document.vars, ['vars'], 'an object of constants', problems) ?? {})
  checkSecrets(vars, ['vars'], 'a constant', { secrets: null, problems })
  const whole: FlowContext = {
    ...context,
    vars: Object.keys(vars),
    secrets: secretsOf(document, problems),
    checkSources: options.checkSchemas,
  }
  const name = nameOf(document, whole)
  refuseLaterContent(document, whole)
  const drafts = stepsOf(document.steps, whole)
  const graph = checkEdges(drafts, document.edges, whole)
  const inputSchema = schemaOf(document.input, whole, options)
  const flow = {
    flow: name,
    inputSchema,
    checkInput: inputChecker(inputSchema),
    output: outputOf(document.output, drafts, whole),
    deadlineMs: document.deadline == null ? null : durationAt(document.deadline, ['deadline'], problems, 1),
    onFailure: onFailureOf(document.onFailure, whole),
    priority:
      document.priority == null
        ? DEFAULT_PRIORITY
        : (integerAt(document.priority, ['priority'], 0, 9, problems) ?? DEFAULT_PRIORITY),
    sticky: document.sticky == null ? null : stickyOf(document.sticky, whole),
    vars,
  }
  return graph === null || !problems.none ? null : { ...flow, ...compiledSteps(drafts, graph) }
}

function nameOf(document: JsonObject, { problems }: FlowContext): string {
  const name = aliased(document, 'flow', 'id', [], problems)
  if (typeof name === 'string' && isFlowName(name)) return name
  const code = name === undefined ? 'MISSING_FIELD' : 'INVALID_FIELD'
  const at = name === undefined ? [] : [document.flow === undefined ? 'id' : 'flow']
  problems.report(code, at, `the name of the flow ('flow') is ${show(name)}; expected ${FLOW_NAME_FORM}`)
  return ''
}

/** Fields of the older documents that only matter if there is something in them. */
function refuseLaterContent(document: JsonObject, { problems }: FlowContext): void {
  const value = document.policies
  const empty = value == null || (typeof value === 'object' && Object.keys(value).length === 0)
  if (!empty) problems.report('NOT_SUPPORTED_YET', ['policies'], "this version does not have 'policies' yet", 'key')
}

/** Names of secrets; `secrets_refs` of the older documents, where an empty one says nothing. */
function secretsOf(document: JsonObject, problems: Problems): readonly string[] | null {
  const older = document.secrets === undefined
  const value = aliased(document, 'secrets', 'secrets_refs', [], problems)
  if (value == null || (older && typeof value === 'object' && Object.keys(value).length === 0)) return null
  const at = [older ? 'secrets_refs' : 'secrets']
  return listAt(value, at, 'a list of names of secrets', problems).flatMap((name, index) => {
    if (typeof name === 'string' && secretsIn(`secret://${name}`)[0] === name) return [name]
    problems.report(
      'INVALID_FIELD',
      [...at, index],
      `found ${show(name)}; expected a name of letters, digits, '.', '_' or '-'`,
    )
    return []
  })
}

function stepsOf(value: Json | undefined, context: FlowContext): readonly StepDraft[] {
  const { problems } = context
  if (value === undefined) {
    problems.report('MISSING_FIELD', [], "the flow has no 'steps'; expected a list of steps")
    return []
  }
  const list = listAt(value, ['steps'], 'a list of steps', problems)
  if (Array.isArray(value) && list.length === 0)
    problems.report('INVALID_FIELD', ['steps'], 'the list of steps is empty; expected at least one')
  if (list.length > MAX_STEPS) {
    problems.report('LIMIT_EXCEEDED', ['steps'], `found ${list.length} steps; expected at most ${MAX_STEPS}`)
    return []
  }
  const drafts = list.flatMap((step, index) => checkStep(step, ['steps', index], context) ?? [])
  const first = new Map<string, Path>()
  for (const { id, at } of drafts) {
    const other = first.get(id)
    if (other === undefined) first.set(id, at)
    else if (id !== '')
      problems.report(
        'DUPLICATE_STEP',
        [...at, 'id'],
        `the id '${id}' is that of steps[${other[1]}] too; expected ids to be unique`,
      )
  }
  return drafts
}

function schemaOf(value: Json | undefined, { problems }: FlowContext, { checkSchemas }: CheckOptions): object | null {
  if (value == null) return null
  const schema = objectAt(value, ['input'], 'a JSON Schema', problems)
  if (schema !== null && checkSchemas) checkSchema(schema, ['input'], problems)
  return schema
}

/** `output` may name any step and makes no dependency. */
function outputOf(value: Json | undefined, drafts: readonly StepDraft[], context: FlowContext): Template | null {
  if (value == null) return null
  const template = checkTemplate(
    typeof value === 'string' ? asTemplate(value) : value,
    ['output'],
    context.vars,
    context.problems,
  )
  const ids = drafts.map((draft) => draft.id)
  for (const expression of template.expressions) {
    for (const id of expression.references.steps) {
      if (!ids.includes(id as StepId)) reportUnknownStep(id, ids, expression, context)
    }
  }
  return template
}

function onFailureOf(value: Json | undefined, { problems }: FlowContext): 'fail' | 'continue' {
  if (value == null) return 'fail'
  if (value !== 'compensate') return choiceAt(value, ['fail', 'continue'], ['onFailure'], problems) ?? 'fail'
  problems.report(
    'NOT_SUPPORTED_YET',
    ['onFailure'],
    "this version does not have 'compensate' yet; expected fail or continue",
  )
  return 'fail'
}

function stickyOf(value: Json, context: FlowContext): CompiledFlow['sticky'] {
  const { problems } = context
  const sticky = isObject(value)
    ? value
    : objectAt(value, ['sticky'], 'an object with key (an expression) and ttl', problems)
  if (sticky === null) return null
  checkNames(sticky, { known: ['key', 'ttl'] }, ['sticky'], problems)
  if (sticky.key === undefined) {
    problems.report('MISSING_FIELD', ['sticky'], "'sticky' has no 'key'; expected an expression")
    return null
  }
  const key = expressionAt(sticky.key, ['sticky', 'key'], context)
  if (key === null) return null
  if (key.references.steps.length > 0 || key.references.allSteps) {
    problems.report(
      'INVALID_EXPRESSION',
      ['sticky', 'key'],
      'the key is needed before any step runs; expected it to use input, vars and run only',
    )
  }
  const ttl = sticky.ttl
  return {
    key,
    ttlMs:
      ttl == null ? DEFAULT_STICKY_TTL_MS : (durationAt(ttl, ['sticky', 'ttl'], problems, 1) ?? DEFAULT_STICKY_TTL_MS),
  }
}

function compiledSteps(drafts: readonly StepDraft[], graph: Graph): Pick<CompiledFlow, 'steps' | 'byId' | 'roots'> {
  const dependents: number[][] = drafts.map(() => [])
  graph.dependencies.forEach((list, index) => {
    for (const { step } of list) dependents[step]!.push(index)
  })
  const steps = drafts.map((draft, index): CompiledStep => {
    const { id, action, join, when, retry, timeoutMs, optional } = draft
    const dependencies = graph.dependencies[index]!
    return { index, id, action, dependencies, dependents: dependents[index]!, join, when, retry, timeoutMs, optional }
  })
  return {
    steps,
    byId: new Map(steps.map((step) => [step.id, step])),
    roots: steps.filter((step) => step.dependencies.length === 0).map((step) => step.index),
  }
}
