/** Refusals in the form that clients of a schema registry know: `{error_code, message}`. */
import type { FastifyReply } from 'fastify'
import { SchemaRegistryError, type SchemaRegistryErrorCode } from '../../topology/schema-registry/port.ts'

const ANSWERS: { readonly [K in SchemaRegistryErrorCode]: readonly [status: number, errorCode: number] } = {
  INCOMPATIBLE: [409, 409],
  SCHEMA_INVALID: [422, 42201],
  LIMIT: [422, 42201],
  NOT_AUTHORIZED: [403, 40301],
  CONTENDED: [503, 50001],
  UNREACHABLE: [503, 50001],
  CLOSED: [503, 50001],
}

export class RegistryAnswer extends Error {
  readonly status: number
  readonly errorCode: number
  constructor(status: number, errorCode: number, message: string) {
    super(message)
    this.name = 'RegistryAnswer'
    this.status = status
    this.errorCode = errorCode
  }
}

export function answerRegistryError(error: unknown, reply: FastifyReply): void {
  const { status, errorCode, message } = answerOf(error)
  reply.code(status).type('application/vnd.schemaregistry.v1+json')
  if (status === 503) reply.header('retry-after', '5')
  reply.send(Buffer.from(JSON.stringify({ error_code: errorCode, message })))
}

function answerOf(error: unknown): Pick<RegistryAnswer, 'status' | 'errorCode' | 'message'> {
  if (error instanceof RegistryAnswer) return error
  const { message, statusCode } = error as { message: string; statusCode?: number }
  if (error instanceof SchemaRegistryError) {
    const [status, errorCode] = ANSWERS[error.code]
    return { status, errorCode, message }
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return { status: statusCode, errorCode: statusCode, message }
  return { status: 500, errorCode: 50001, message: 'something went wrong in the schema registry' }
}
