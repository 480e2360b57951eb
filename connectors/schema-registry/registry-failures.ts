/** What a failure of the registry's client means for us. */
import { SchemaRegistryError } from '../../topology/schema-registry/port.ts'

const NO_ANSWER = /^Error, status 400: /

/** `what`: the subject or id that was asked for. */
export function failureOf(error: unknown, url: string, what: string): SchemaRegistryError | 'NOT_FOUND' {
  if (error instanceof SchemaRegistryError) return error
  const { status, message, name } = error as { status?: unknown; message: string; name: string }
  const said = message.replace(/^beamline - /, '')
  const options = { cause: error }
  const found = levelFound(error)
  if (found !== null) {
    const mend = 'expected BACKWARD or stricter; set it at PUT /config/{subject}'
    return new SchemaRegistryError('INCOMPATIBLE', `${what} has compatibility ${found} at ${url}; ${mend}`, options)
  }
  switch (isWithoutAnswer(status, said) ? 503 : status) {
    case 404:
      return 'NOT_FOUND'
    case 401:
    case 403:
      return new SchemaRegistryError('NOT_AUTHORIZED', `${url} refuses access to ${what} (${status}): ${said}`, options)
    case 409:
      return new SchemaRegistryError('INCOMPATIBLE', `our schema does not fit ${what} at ${url}: ${said}`, options)
    case 400:
    case 422:
      return new SchemaRegistryError('SCHEMA_INVALID', `${url} refuses ${what} (${status}): ${said}`, options)
  }
  if (typeof status === 'number') {
    return new SchemaRegistryError(
      'UNREACHABLE',
      `the schema registry at ${url} cannot be asked for ${what}: ${said.replace(NO_ANSWER, '')}`,
      options,
    )
  }
  return new SchemaRegistryError('SCHEMA_INVALID', `${what} at ${url} cannot be read: ${name}: ${said}`, options)
}

/** The client shows a request that got no answer as a status 400 whose body is the error's text. */
function isWithoutAnswer(status: unknown, said: string): boolean {
  return status === 400 && NO_ANSWER.test(said)
}

/** The level that a subject has where another was expected; the client tells it in words only. */
export function levelFound(error: unknown): string | null {
  const { name, message } = error as { name: string; message: string }
  if (name !== 'ConfluentSchemaRegistryCompatibilityError') return null
  return /!= (\w+)\)/.exec(message)?.[1] ?? 'UNKNOWN'
}
