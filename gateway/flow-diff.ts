/** What differs between two versions of a flow: change by change, steps compared by their id, and as text. */
import { createTwoFilesPatch } from 'diff'
import { stringify } from 'yaml'
import type { Json } from '../schemas/json.ts'

export type FlowChange =
  | { readonly path: string; readonly kind: 'added'; readonly after: Json }
  | { readonly path: string; readonly kind: 'removed'; readonly before: Json }
  | { readonly path: string; readonly kind: 'changed'; readonly before: Json; readonly after: Json }
  /** A step stands elsewhere; places are from 0. */
  | { readonly path: string; readonly kind: 'moved'; readonly before: number; readonly after: number }

type JsonObject = { readonly [name: string]: Json }

export function flowChanges(before: Json, after: Json): readonly FlowChange[] {
  const changes: FlowChange[] = []
  compare('', before, after, changes)
  return changes
}

/** Edits beyond which the text is that of all lines taken out and put in: finding the shortest takes time that grows with their square. */
const MAX_EDITS = 2_000

/** A unified diff of both as YAML; empty if nothing differs. */
export function flowDiffText(flow: string, from: number, to: number, before: Json, after: Json): string {
  const names = [`${flow} version ${from}`, `${flow} version ${to}`] as const
  const texts = [stringify(before), stringify(after)] as const
  if (texts[0] === texts[1]) return ''
  const options = { context: 3, maxEditLength: MAX_EDITS }
  const patch = createTwoFilesPatch(names[0], names[1], texts[0], texts[1], undefined, undefined, options)
  if (patch !== undefined) return withoutRule(patch)
  const lines = texts.map((text) => text.trimEnd().split('\n')) as [string[], string[]]
  const [out, put] = lines
  const head = `--- ${names[0]}\n+++ ${names[1]}\n@@ -1,${out.length} +1,${put.length} @@\n`
  return `${head}${out.map((line) => `-${line}\n`).join('')}${put.map((line) => `+${line}\n`).join('')}`
}

function withoutRule(patch: string): string {
  return patch.startsWith('=') ? patch.slice(patch.indexOf('\n') + 1) : patch
}

function compare(path: string, before: Json, after: Json, changes: FlowChange[]): void {
  if (isObject(before) && isObject(after)) compareObjects(path, before, after, changes)
  else if (isList(before) && isList(after) && areSteps(before) && areSteps(after)) {
    compareSteps(path, before, after, changes)
  } else if (isList(before) && isList(after) && before.length === after.length) {
    for (const [index, item] of before.entries()) compare(`${path}[${index}]`, item, after[index]!, changes)
  } else if (!isSame(before, after)) changes.push({ path, kind: 'changed', before, after })
}

function compareObjects(path: string, before: JsonObject, after: JsonObject, changes: FlowChange[]): void {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const at = path === '' ? name : `${path}.${name}`
    if (!Object.hasOwn(after, name)) changes.push({ path: at, kind: 'removed', before: before[name]! })
    else if (!Object.hasOwn(before, name)) changes.push({ path: at, kind: 'added', after: after[name]! })
    else compare(at, before[name]!, after[name]!, changes)
  }
}

interface Step extends JsonObject {
  readonly id: string
}

/** Steps that stay in the order of those around them have not moved, wherever others came or went. */
function compareSteps(path: string, before: readonly Step[], after: readonly Step[], changes: FlowChange[]): void {
  const places = new Map(after.map((step, index) => [step.id, index]))
  const known = new Set(before.map((step) => step.id))
  const stayed = before.filter((step) => places.has(step.id))
  const orderAfter = new Map(after.filter((step) => known.has(step.id)).map((step, index) => [step.id, index]))
  for (const step of before) {
    if (!places.has(step.id)) changes.push({ path: `${path}[${step.id}]`, kind: 'removed', before: step })
  }
  for (const [index, step] of stayed.entries()) {
    const at = `${path}[${step.id}]`
    if (orderAfter.get(step.id) !== index) {
      changes.push({ path: at, kind: 'moved', before: before.indexOf(step), after: places.get(step.id)! })
    }
    compareObjects(at, step, after[places.get(step.id)!]!, changes)
  }
  for (const step of after) {
    if (!known.has(step.id)) changes.push({ path: `${path}[${step.id}]`, kind: 'added', after: step })
  }
}

function areSteps(list: readonly Json[]): list is readonly Step[] {
  const ids = list.map((item) => (isObject(item) ? item.id : undefined))
  return list.length > 0 && ids.every((id) => typeof id === 'string') && new Set(ids).size === ids.length
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The order of an object's fields says nothing. */
function isSame(a: Json, b: Json): boolean {
  if (a === b) return true
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, at) => isSame(item, b[at]!))
  if (!isObject(a) || !isObject(b)) return false
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(a[name]!, b[name]!))
  )
}
