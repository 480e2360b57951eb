/**
 * `secret://name` in a step's input. Only the flow's document can name a secret: in texts that come from data the mark is
 * made harmless (`secret:///`) when the input is rendered, and made whole again by the executor. So no submission can ask for a secret.
 */
import type { Json } from '../json.ts'

const MARK = 'secret://'
const ANY_MARK = /secret:\/\//g
/** A name, or the third slash of a mark that is meant as text. */
const NAMED = /secret:\/\/(\/|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,125}[A-Za-z0-9])?)/g

/** Names of the secrets in a text, in order of appearance. */
export function secretsIn(text: string): readonly string[] {
  if (!text.includes(MARK)) return []
  return [...text.matchAll(NAMED)].map((match) => match[1]!).filter((name) => name !== '/')
}

/** Whether a text leaves the name of a secret to an expression, which can never name one. */
export function computesSecret(text: string): boolean {
  return text.includes(`${MARK}\${`)
}

/** Data as it goes into the input of a block that takes secrets. A value without the mark is returned as it is. */
export function escapeSecrets(value: Json): Json {
  return mapTexts(value, (text) => text.replace(ANY_MARK, `${MARK}/`))
}

/** Puts secrets in their places and undoes {@link escapeSecrets}. `secret` answers for names that {@link secretNames} gave. */
export function resolveSecrets(value: Json, secret: (name: string) => string): Json {
  return mapTexts(value, (text) => text.replace(NAMED, (_all, name: string) => (name === '/' ? MARK : secret(name))))
}

/** Names of all secrets in a value, each once. */
export function secretNames(value: Json): ReadonlySet<string> {
  const names = new Set<string>()
  mapTexts(value, (text) => {
    for (const name of secretsIn(text)) names.add(name)
    return text
  })
  return names
}

/** Applies `change` to the texts that have a mark; names of members are left alone. */
function mapTexts(value: Json, change: (text: string) => string): Json {
  if (typeof value === 'string') return value.includes(MARK) ? change(value) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    let changed: Json[] | null = null
    for (const [index, item] of value.entries()) {
      const mapped = mapTexts(item, change)
      if (mapped === item) continue
      changed ??= [...value]
      changed[index] = mapped
    }
    return changed ?? value
  }
  let changed = false
  const members = Object.entries(value).map(([name, member]): [string, Json] => {
    const mapped = mapTexts(member, change)
    changed ||= mapped !== member
    return [name, mapped]
  })
  // not by assignment, which a member called __proto__ would mislead
  return changed ? Object.fromEntries(members) : value
}
