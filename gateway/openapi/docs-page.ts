/** The description as one page without scripts, fonts or anything else from elsewhere. */
import type { Content, Operation } from '../api/operation.ts'
import type { Schema, Shape } from '../api/schema.ts'
import { ERROR_STATUSES } from '../errors.ts'

type Named = { readonly [name: string]: Operation }

const STYLE = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--soft:color-mix(in srgb,currentColor 6%,transparent)}
*{box-sizing:border-box}body{font:15px/1.5 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:16rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;border-right:1px solid var(--line);font-size:13px}
nav ul{list-style:none;padding:0;margin:0 0 1rem}nav a{color:inherit;text-decoration:none}nav a:hover{text-decoration:underline}
main{padding:1rem 2rem;max-width:64rem}section{border:1px solid var(--line);border-radius:8px;padding:.75rem 1rem;margin:1rem 0}
code,pre{font:13px/1.45 ui-monospace,monospace}code{background:var(--soft);padding:.1em .3em;border-radius:4px}
pre{background:var(--soft);padding:.75rem;border-radius:8px;overflow:auto}h3{margin:0 0 .25rem;font-size:1rem}
.method{display:inline-block;min-width:3.5rem;font-weight:700}table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border-top:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top}summary{cursor:pointer}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto;border:0}}
`

export function docsPage(operations: Named, version: string): string {
  const tags = [...new Set(Object.values(operations).map(({ tag }) => tag))]
  const ofTag = (tag: string) => Object.entries(operations).filter(([, operation]) => operation.tag === tag)
  const links = tags.map((tag) => `<strong>${escaped(tag)}</strong><ul>${ofTag(tag).map(linkTo).join('')}</ul>`)
  const parts = tags.map((tag) => `<h2>${escaped(tag)}</h2>${ofTag(tag).map(operationPart).join('')}`)
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Beamline HTTP interface</title><style>${STYLE}</style></head><body><nav>${links.join('')}</nav>
<main><h1>Beamline HTTP interface</h1><p>Version ${escaped(version)}. For programs: <a href="/openapi.json">openapi.json</a>.</p>
${parts.join('')}</main></body></html>`
}

function linkTo([name, { method, path }]: readonly [string, Operation]): string {
  return `<li><a href="#${name}">${method} ${escaped(path)}</a></li>`
}

function operationPart([name, operation]: readonly [string, Operation]): string {
  const { method, path, summary, description, params, query, headers, body, answers, errors } = operation
  const rows = [...rowsOf('path', params), ...rowsOf('query', query), ...rowsOf('header', headers)]
  const table = rows.length === 0 ? '' : `<table><tbody>${rows.join('')}</tbody></table>`
  const refusals = errors.map((code) => `<code>${ERROR_STATUSES[code]} ${code}</code>`).join(' ')
  return `<section id="${name}"><h3><span class="method">${method}</span> <code>${escaped(path)}</code></h3><p>${prose(summary)}</p>
${description === undefined ? '' : `<p>${prose(description)}</p>`}${table}${body === undefined ? '' : contentPart('Body', body)}
${Object.entries(answers)
  .map(([status, content]) => contentPart(status, content))
  .join('')}
${errors.length === 0 ? '' : `<p>Refusals: ${refusals}</p>`}</section>`
}

function rowsOf(place: string, shape: Shape | undefined): readonly string[] {
  return Object.entries(shape ?? {}).map(
    ([name, schema]) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${place}${schema.optional ? '' : ', required'}</td><td>${prose(String(schema.json.description ?? ''))}${choices(schema)}</td></tr>`,
  )
}

function choices({ json }: Schema<unknown>): string {
  if (!Array.isArray(json.enum)) return ''
  return ` One of ${json.enum.map((value) => `<code>${escaped(String(value))}</code>`).join(', ')}.`
}

function contentPart(title: string, { description, type, schema }: Content<unknown>): string {
  return `<details><summary><strong>${title}</strong> <code>${escaped(type)}</code> ${prose(description)}</summary><pre>${escaped(outline(schema, 0))}</pre></details>`
}

const MAX_LEVELS = 6

/** What a value looks like, a field a line. */
function outline(schema: Schema<unknown>, level: number): string {
  const { json, parts } = schema
  const indent = '  '.repeat(level + 1)
  if (level >= MAX_LEVELS) return '...'
  if (typeof json.properties === 'object' && json.properties !== null) {
    const names = Object.keys(json.properties)
    const lines = names.map((name, index) => {
      const part = parts[index]!
      const said = part.json.description === undefined ? '' : `  # ${String(part.json.description)}`
      return `${indent}${name}${part.optional ? '?' : ''}: ${outline(part, level + 1)}${said}`
    })
    return `{\n${lines.join('\n')}\n${'  '.repeat(level)}}`
  }
  if (json.type === 'array') return `[${outline(parts[0]!, level)}]`
  if (json.anyOf !== undefined) {
    const known = parts.map((part) => outline(part, level))
    return (json.anyOf as readonly { readonly type?: string }[]).some(({ type }) => type === 'null')
      ? [...known, 'null'].join(' | ')
      : known.join(' | ')
  }
  if (json.const !== undefined) return JSON.stringify(json.const)
  if (Array.isArray(json.enum)) return json.enum.map((value) => JSON.stringify(value)).join(' | ')
  return json.type === undefined ? 'any' : [json.type].flat().join(' | ')
}

function prose(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
