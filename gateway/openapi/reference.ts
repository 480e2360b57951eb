/** Renders `docs/api.md` from the operations themselves. */
import { API } from '../api/index.ts'
import type { Content, Operation } from '../api/operation.ts'
import type { JsonSchema, Schema, Shape } from '../api/schema.ts'
import { ERROR_STATUSES } from '../errors.ts'
import { TAGS } from './document.ts'
import { curlOf } from './examples.ts'

type Named = readonly [name: string, operation: Operation]

const INTRODUCTION = `# HTTP API

This file is generated from the routes (\`gateway/api/\`); a test keeps it up to date. A running process has the same at \`/docs\` for people and at \`/openapi.json\` for programs. In TypeScript,
\`createClient\` of \`beamline/client\` has a function for every route, under the name in brackets.

- **Names** are in snake case. Instants are milliseconds since 1970, positions of the log \`topic/partition/offset\`.
- **Tenant**: the header \`X-Tenant-ID\`; without it \`default\`.
- **Again**: a request that changes something may carry \`Idempotency-Key\`. The same key with the same request has the effect of one; with another request it is \`409 conflict\`.
- **Lists** answer \`next\`. Give it back as \`after\`, with the same query, for what follows; \`null\`: that was all. \`as_of\` says up to which events a list goes: it follows the log by some milliseconds.
- **Errors** have one form, \`{"ok":false,"error":{"code","message","details"},"context":{"request_id",...}}\`. [errors.md](errors.md) says what to do about each. Any route may answer \`500 internal\`
  and \`503 unavailable\`; parameters and fields that do not exist are \`400 invalid_request\`.
- **Later**: answers 429 and 503 carry \`Retry-After\`, in seconds.`

export function apiReference(): string {
  const operations: readonly Named[] = Object.entries(API)
  const built = operations.filter(([, { answers }]) => Object.keys(answers).length > 0)
  const sections = Object.entries(TAGS).flatMap(([tag, meaning]) => {
    const own = built.filter(([, operation]) => operation.tag === tag)
    return [`## ${tag.charAt(0).toUpperCase()}${tag.slice(1)}`, meaning, ...own.map(section)]
  })
  const rest = operations.filter((each) => !built.includes(each)).map(([, { method, path }]) => `\`${method} ${path}\``)
  const later = `## Not built yet\n\nThese answer \`501 not_implemented\`; [older-gateway.md](older-gateway.md) says why.\n\n${rest.map((route) => `- ${route}`).join('\n')}`
  return `${[INTRODUCTION, ...sections, later].join('\n\n')}\n`
}

function section(named: Named): string {
  const [name, operation] = named
  const { method, path, summary, description, params, query, headers, body, answers, errors } = operation
  const parameters = [...rows('path', params), ...rows('query', query), ...rows('header', headers)]
  const refusals = errors.map((code) => `[\`${ERROR_STATUSES[code]} ${code}\`](errors.md#http)`)
  const parts = [
    `### \`${method} ${path}\``,
    `${summary} (\`${name}\`).${description === undefined ? '' : ` ${description}`}`,
    ...(parameters.length === 0 ? [] : [table(['parameter', 'in', 'meaning'], parameters)]),
    ...(body === undefined
      ? []
      : [`Body${body.required ? '' : ', optional'}: ${contentText(body)}`, ...fields(body.schema)]),
    ...Object.entries(answers).map(
      ([status, content]) => `Answers ${status}: ${contentText(content)}${fieldNames(content)}`,
    ),
    ...(refusals.length === 0 ? [] : [`Refusals: ${refusals.join(', ')}.`]),
    `\`\`\`sh elsewhere\n${curlOf(name, operation)}\n\`\`\``,
  ]
  return parts.join('\n\n')
}

function rows(place: string, shape: Shape | undefined): readonly string[][] {
  return Object.entries(shape ?? {}).map(([name, schema]) => {
    const meaning = `${schema.json.description ?? ''}${bounds(schema.json)}`
    return [`\`${name}\``, schema.optional ? place : `${place}, required`, meaning]
  })
}

function fields(schema: Schema<unknown>): readonly string[] {
  const { properties, required = [] } = schema.json as {
    readonly properties?: { [name: string]: JsonSchema }
    readonly required?: readonly string[]
  }
  const entries = Object.entries(properties ?? {})
  if (entries.length === 0) return []
  const lines = entries.map(([name, json]) => {
    const meaning = `${json.description ?? ''}${bounds(json)}`
    return [`\`${name}\``, `${typeOf(json)}${required.includes(name) ? ', required' : ''}`, meaning]
  })
  return [table(['field', 'type', 'meaning'], lines)]
}

function typeOf(json: JsonSchema): string {
  if (typeof json.$ref === 'string') return `\`${json.$ref.split('/').at(-1)}\``
  if (Array.isArray(json.type)) return json.type.join(' or ')
  if (Array.isArray(json.anyOf)) return (json.anyOf as readonly JsonSchema[]).map(typeOf).join(' or ')
  if ('const' in json) return `\`${JSON.stringify(json.const)}\``
  if (json.type === 'array') return `list of ${typeOf(json.items as JsonSchema)}`
  return String(json.type ?? 'any JSON')
}

function bounds(json: JsonSchema): string {
  const { minimum, maximum, maxLength, maxItems } = json
  const parts = [
    ...(Array.isArray(json.enum) ? [`One of ${json.enum.map((value) => `\`${String(value)}\``).join(', ')}.`] : []),
    ...(minimum === undefined ? [] : [`At least ${minimum}.`]),
    ...(maximum === undefined ? [] : [`At most ${maximum}.`]),
    ...(maxLength === undefined ? [] : [`At most ${maxLength} characters.`]),
    ...(maxItems === undefined ? [] : [`At most ${maxItems}.`]),
  ]
  return parts.length === 0 ? '' : ` ${parts.join(' ')}`
}

function contentText({ description, type, otherTypes = [] }: Content<unknown>): string {
  return `${description} ${[type, ...otherTypes].map((each) => `\`${each}\``).join(', ')}.`
}

function fieldNames({ schema }: Content<unknown>): string {
  const names = Object.keys((schema.json.properties ?? {}) as object)
  return names.length === 0 ? '' : ` Fields: ${names.map((name) => `\`${name}\``).join(', ')}.`
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').trim()).join(' | ')} |`
  return [row(head), `|${'---|'.repeat(head.length)}`, ...lines.map(row)].join('\n')
}
