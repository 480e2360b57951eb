import { isStepId, type StepId } from '../ids.ts'
import type { Json } from '../json.ts'
import { POOLS, type Pool } from '../topics.ts'
import { type BlockType, blockTypeNamed } from './block-types.ts'
import { checkSources } from './check-sources.ts'
import { type CheckedExpression, checkExpression } from './expression.ts'
import type { JsonObject } from './expression-values.ts'
import { isObject } from './expression-values.ts'
import { aliased, checkNames, choiceAt, durationAt, integerAt, listAt, objectAt, textAt } from './fields.ts'
import type { Join, RetryPolicy, StepAction } from './model.ts'
import { didYouMean } from './nearest.ts'
import { type Path, type Problems, show } from './problems.ts'
import { checkRetry } from './retry.ts'
import { computesSecret, secretsIn } from './secret-text.ts'
import { type CheckedTemplate, checkTemplate, withoutTemplate } from './template.ts'

export interface FlowContext {
  readonly blockTypes: readonly BlockType[]
  /** Names of the flow's constants. */
  readonly vars: readonly string[]
  /** Names of the secrets that steps may use; `null` where the flow does not list them. */
  readonly secrets: readonly string[] | null
  /** Scripts and the like in steps are read too. Off for a document that was checked before. */
  readonly checkSources: boolean
  readonly problems: Problems
}

/** A step whose dependencies are still names. */
export interface StepDraft {
  readonly id: StepId
  readonly at: Path
  readonly action: StepAction
  readonly after: readonly { readonly id: string; readonly at: Path }[]
  /** Expressions whose references make dependencies. */
  readonly expressions: readonly CheckedExpression[]
  readonly join: Join
  readonly when: CheckedExpression | null
  readonly retry: RetryPolicy
  readonly timeoutMs: number
  readonly optional: boolean
}

export const DEFAULT_TIMEOUT_MS = 60_000

const COMMON = ['id', 'type', 'with', 'after', 'join', 'when', 'optional', 'inputs', 'outputs', 'guardrails']
const ATTEMPTS = ['retry', 'timeout', 'timeout_ms', 'pool', 'resources']
const LATER = ['forEach', 'concurrency', 'onItemFailure', 'compensate', 'worker']
const LATER_TYPES = ['approval', 'signal', 'flow', 'human_approval', 'human.approval']

/** Reads `steps[index]`; `null` when it is no object. What is wrong is reported and replaced by the default. */
export function checkStep(value: Json, at: Path, context: FlowContext): StepDraft | null {
  const { problems } = context
  const step = objectAt(value, at, 'a step such as { id: price, type: http, with: {...} }', problems)
  if (step === null) return null
  checkNames(step, { known: [...COMMON, ...ATTEMPTS], later: LATER }, at, problems)
  const input = aliased(step, 'with', 'inputs', at, problems)
  const inputAt = [...at, step.inputs === undefined ? 'with' : 'inputs']
  const type = typeOf(step, at, context)
  const expressions: CheckedExpression[] = []
  const when = step.when == null ? null : expressionAt(step.when, [...at, 'when'], context)
  if (when !== null) expressions.push(when)
  const action =
    type === 'wait'
      ? waitAction(input, inputAt, context, expressions)
      : blockAction(type, input, inputAt, step, at, context, expressions)
  if (type === 'wait') refuseAttemptFields(step, at, problems)
  return {
    id: idOf(step, at, problems),
    at,
    action,
    after: afterOf(step.after, [...at, 'after'], problems),
    expressions,
    join: joinOf(step.join, [...at, 'join'], problems),
    when,
    retry: checkRetry(step.retry, [...at, 'retry'], problems),
    timeoutMs: timeoutOf(step, at, problems),
    optional: optionalOf(step.optional, [...at, 'optional'], problems),
  }
}

/** An expression; `${...}` around the whole of it does no harm. */
export function expressionAt(value: Json, at: Path, context: FlowContext): CheckedExpression | null {
  const text = textAt(value, at, 'an expression', context.problems)
  if (text === null) return null
  return checkExpression(withoutTemplate(text), at, context.vars, context.problems)
}

export function reportUnknownStep(
  id: string,
  ids: readonly string[],
  expression: CheckedExpression,
  context: FlowContext,
): void {
  const message = `there is no step '${id}' (in '${expression.text}')${didYouMean(id, ids)}`
  context.problems.report('UNKNOWN_STEP', expression.at, message)
}

function idOf(step: JsonObject, at: Path, problems: Problems): StepId {
  const id = step.id
  if (typeof id === 'string' && isStepId(id)) return id
  const expected = 'a lower-case letter, then up to 62 lower-case letters, digits or hyphens'
  const code = id === undefined ? 'MISSING_FIELD' : 'INVALID_FIELD'
  problems.report(code, id === undefined ? at : [...at, 'id'], `the step's id is ${show(id)}; expected ${expected}`)
  return (typeof id === 'string' ? id : '') as StepId
}

/** `null` for a type that does not exist, which is reported. */
function typeOf(step: JsonObject, at: Path, { blockTypes, problems }: FlowContext): string | null {
  const type = step.type
  const names = [...blockTypes.map((block) => block.type), 'wait']
  const older = step.inputs === undefined ? undefined : blockTypes.find((block) => block.older === type)
  if (older !== undefined) return older.type
  if (typeof type === 'string' && (names.includes(type) || blockTypeNamed(type, blockTypes) !== undefined)) return type
  if (type === undefined) {
    problems.report('MISSING_FIELD', at, `the step has no 'type'; expected one of ${names.join(', ')}`)
  } else if (typeof type === 'string' && LATER_TYPES.includes(type)) {
    problems.report('NOT_SUPPORTED_YET', [...at, 'type'], `this version does not have steps of type '${type}' yet`)
  } else {
    const hint = typeof type === 'string' ? didYouMean(type, [...names, ...LATER_TYPES]) : ''
    problems.report(
      'UNKNOWN_BLOCK',
      [...at, 'type'],
      `unknown type ${show(type)}${hint}; expected one of ${names.join(', ')}`,
    )
  }
  return null
}

function blockAction(
  type: string | null,
  input: Json | undefined,
  inputAt: Path,
  step: JsonObject,
  at: Path,
  context: FlowContext,
  expressions: CheckedExpression[],
): StepAction {
  const block = type === null ? undefined : blockTypeNamed(type, context.blockTypes)
  const secrets = block?.secrets === true
  const template: CheckedTemplate = checkTemplate(input ?? {}, inputAt, context.vars, context.problems, secrets)
  checkSecrets(input ?? {}, inputAt, secrets ? 'step' : `a step of type '${type ?? ''}'`, context)
  // what older documents have is left to their blocks, whose errors they know
  if (context.checkSources && step.inputs === undefined) {
    checkSources(type, input, inputAt, context.problems)
    if (!isExternal(step)) block?.checkWith?.(input ?? {}, inputAt, context.problems)
  }
  expressions.push(...template.expressions)
  const pool = poolOf(step, at, context.problems) ?? block?.pool ?? 'io'
  return { kind: 'block', block: type ?? '', pool, with: template }
}

/** Workers outside have blocks of their own, whatever their names. */
function isExternal({ pool, resources }: JsonObject): boolean {
  return pool === 'external' || (pool == null && isObject(resources) && resources.class === 'external')
}

/** Reports texts that name a secret where none can be, or one that the flow does not list. `place` is what takes none, or `step`. */
export function checkSecrets(
  value: Json,
  at: Path,
  place: string,
  context: Pick<FlowContext, 'secrets' | 'problems'>,
): void {
  if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      checkSecrets(member, [...at, Array.isArray(value) ? Number(key) : key], place, context)
    }
    return
  }
  if (typeof value !== 'string') return
  const names = secretsIn(value)
  if (names.length === 0 && !computesSecret(value)) return
  const { problems, secrets } = context
  const found = `found ${show(value)}`
  if (place !== 'step') problems.report('INVALID_FIELD', at, `${found}; ${place} takes no secrets`)
  else if (value.includes('${')) {
    problems.report('INVALID_FIELD', at, `${found}; expected no expression in a text that names a secret`)
  }
  for (const name of names) {
    if (secrets === null || secrets.includes(name)) continue
    const hint = didYouMean(name, secrets)
    problems.report('UNKNOWN_SECRET', at, `the secret '${name}' is not in the flow's 'secrets'${hint}`)
  }
}

function waitAction(
  input: Json | undefined,
  at: Path,
  context: FlowContext,
  expressions: CheckedExpression[],
): StepAction {
  const { problems } = context
  const nothing: StepAction = { kind: 'wait', forMs: 0 }
  const object = objectAt(input, at, "an object with 'for' (such as 10m) or 'until' (an expression)", problems)
  if (object === null) return nothing
  checkNames(object, { known: ['for', 'until'] }, at, problems)
  if ((object.for === undefined) === (object.until === undefined)) {
    problems.report('INVALID_FIELD', at, "expected either 'for' (such as 10m) or 'until' (an expression)")
    return nothing
  }
  if (object.until === undefined) return { kind: 'wait', forMs: durationAt(object.for!, [...at, 'for'], problems) ?? 0 }
  const until = expressionAt(object.until, [...at, 'until'], context)
  if (until === null) return nothing
  expressions.push(until)
  return { kind: 'wait_until', until }
}

function refuseAttemptFields(step: JsonObject, at: Path, problems: Problems): void {
  for (const name of ATTEMPTS.filter((field) => step[field] !== undefined)) {
    problems.report('INVALID_FIELD', [...at, name], `'${name}' means nothing for a step that waits`, 'key')
  }
}

function afterOf(value: Json | undefined, at: Path, problems: Problems): StepDraft['after'] {
  if (value == null) return []
  if (typeof value === 'string') return [{ id: value, at }]
  return listAt(value, at, 'a list of step ids', problems).flatMap((item, index) => {
    const id = textAt(item, [...at, index], 'a step id', problems)
    return id === null ? [] : [{ id, at: [...at, index] }]
  })
}

function joinOf(value: Json | undefined, at: Path, problems: Problems): Join {
  if (value == null || value === 'all') return { kind: 'all' }
  if (value === 'any') return { kind: 'count', count: 1 }
  if (typeof value === 'number') return { kind: 'count', count: integerAt(value, at, 1, 1_000, problems) ?? 1 }
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected all, any or a number`)
  return { kind: 'all' }
}

function timeoutOf(step: JsonObject, at: Path, problems: Problems): number {
  const value = aliased(step, 'timeout', 'timeout_ms', at, problems)
  if (value == null) return DEFAULT_TIMEOUT_MS
  const older = step.timeout === undefined
  const ms = older
    ? integerAt(value, [...at, 'timeout_ms'], 1, 315_360_000_000, problems)
    : durationAt(value, [...at, 'timeout'], problems, 1)
  return ms ?? DEFAULT_TIMEOUT_MS
}

function optionalOf(value: Json | undefined, at: Path, problems: Problems): boolean {
  if (value == null || typeof value === 'boolean') return value ?? false
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected true or false`)
  return false
}

/** `pool`, or what the older `resources` says: `class`, or `gpu` where it asks for one. */
function poolOf(step: JsonObject, at: Path, problems: Problems): Pool | null {
  const resources =
    step.resources == null ? null : objectAt(step.resources, [...at, 'resources'], 'an object', problems)
  if (resources !== null) {
    checkNames(resources, { known: ['class', 'cpu', 'memory_mb', 'gpu'] }, [...at, 'resources'], problems)
  }
  const named = step.pool ?? resources?.class
  if (named != null) {
    const path = step.pool == null ? [...at, 'resources', 'class'] : [...at, 'pool']
    if (named === 'external') {
      problems.report('NOT_SUPPORTED_YET', path, 'this version does not have external workers yet')
      return null
    }
    return choiceAt(
      named,
      POOLS.filter((pool) => pool !== 'external'),
      path,
      problems,
    )
  }
  const gpu = resources?.gpu
  return gpu === true || (typeof gpu === 'number' && gpu > 0) || isObject(gpu) ? 'gpu' : null
}
