import { createHash } from 'node:crypto'
import type { SentMessageInfo, Transporter } from 'nodemailer'
import type { Json } from '../../../../schemas/json.ts'
import { type Block, type BlockContext, BlockError, type BlockErrorDef } from '../../block.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { abortable } from './abortable.ts'
import { decodedPart, hostAndPort, hostOf } from './address.ts'
import { type ConnectionOf, type ConnectionTable, UNKNOWN_CONNECTION } from './connections.ts'
import { dial } from './egress/dial.ts'
import { EGRESS_REFUSED, type Egress } from './egress/egress.ts'

interface Attachment {
  readonly filename: string
  readonly content?: string
  readonly bytes?: string
  readonly type?: string
}

interface Input {
  readonly connection?: string
  readonly from?: string
  readonly to: string | readonly string[]
  readonly cc?: string | readonly string[]
  readonly bcc?: string | readonly string[]
  readonly replyTo?: string
  readonly subject: string
  readonly text?: string
  readonly html?: string
  readonly attachments?: readonly Attachment[]
  readonly timeout_ms?: number
}

export interface EmailParts {
  readonly tools: BlockTools
  readonly egress: Egress
  readonly connections: ConnectionTable
}

const addresses = { type: ['string', 'array'], items: { type: 'string' }, maxItems: 100 }
const inputSchema = {
  type: 'object',
  required: ['to', 'subject'],
  properties: {
    connection: { type: 'string', default: 'smtp', description: 'Name of the connection.' },
    from: { type: 'string', description: 'Sender; default: that of the connection.' },
    to: { ...addresses, description: 'An address or a list of them, up to 100.' },
    cc: { ...addresses, description: 'As `to`.' },
    bcc: { ...addresses, description: 'As `to`.' },
    replyTo: { type: 'string', description: 'Where answers go.' },
    subject: { type: 'string', maxLength: 998, description: 'Subject.' },
    text: { type: 'string', description: 'Content as plain text.' },
    html: { type: 'string', description: 'Content as HTML.' },
    attachments: {
      type: 'array',
      maxItems: 20,
      items: {
        type: 'object',
        required: ['filename'],
        properties: {
          filename: { type: 'string' },
          content: { type: 'string' },
          bytes: { type: 'string' },
          type: { type: 'string' },
        },
        additionalProperties: false,
      },
      description: 'Up to 20 of `{filename, content \\| bytes, type}`, the bytes in base64.',
    },
    timeout_ms: TIMEOUT_MS_SCHEMA,
  },
  additionalProperties: false,
}

const errors: readonly BlockErrorDef[] = [
  UNKNOWN_CONNECTION,
  EGRESS_REFUSED,
  { code: 'MISSING_SENDER', class: 'permanent', meaning: 'Neither the input nor the connection has a sender.' },
  {
    code: 'EMAIL_REJECTED',
    class: 'permanent',
    meaning: 'The server refuses the message, its addresses or our login.',
  },
  { code: 'EMAIL_FAILED', class: 'transient', meaning: 'No connection, or the server cannot take the message now.' },
]

export function emailBlock(parts: EmailParts): Block {
  return {
    type: 'email',
    version: 1,
    pool: 'io',
    summary:
      'Sends an e-mail over SMTP and returns `{messageId, accepted, rejected}`. The id is the same for all attempts of the step.',
    inputSchema,
    outputSchema: {
      type: 'object',
      required: ['messageId', 'accepted', 'rejected'],
      properties: {
        messageId: { type: 'string', description: 'Of the message.' },
        accepted: { type: 'array', description: 'Addresses that the server took.' },
        rejected: { type: 'array', description: 'Addresses that it refused, if it took others.' },
      },
    },
    errors,
    takesSecrets: true,
    example: { to: 'ada@example.org', subject: 'Report', text: 'Nothing happened.' },
    run: async (context, input) => {
      const { timeout_ms, connection, ...message } = input as unknown as Input
      const settings = await parts.connections.require('smtp', connection, context.tenant)
      const from = message.from ?? settings.from
      if (from === undefined)
        throw new BlockError('MISSING_SENDER', "neither the step's input nor the connection has 'from'")
      return within(parts.tools, context.signal, timeout_ms, async (signal) => {
        try {
          return await send(parts.egress, settings, mailOf(context, { ...message, from }), signal)
        } catch (error) {
          throw signal.aborted ? signal.reason : ownError(error, settings)
        }
      })
    },
  }
}

async function send(egress: Egress, settings: ConnectionOf<'smtp'>, mail: object, signal: AbortSignal): Promise<Json> {
  const { createTransport } = await import('nodemailer')
  const url = addressOf(settings.url)
  const secure = url.protocol === 'smtps:'
  const host = hostOf(url)
  const port = portOf(url)
  const socket = await dial(egress, { scheme: url.protocol.slice(0, -1), host, port }, signal)
  const user = decodedPart(url.username)
  const options = {
    host,
    port,
    secure,
    connection: socket,
    tls: { servername: host },
    ...(user !== '' && { auth: { user, pass: decodedPart(url.password) } }),
    // no part of a message is read from a file or address
    disableFileAccess: true,
    disableUrlAccess: true,
  }
  const transport = createTransport(options as object) as unknown as Transporter<SentMessageInfo>
  try {
    const sent = (await abortable(transport.sendMail(mail), signal)) as {
      readonly messageId: string
      readonly accepted: readonly unknown[]
      readonly rejected: readonly unknown[]
    }
    return { messageId: sent.messageId, accepted: sent.accepted.map(String), rejected: sent.rejected.map(String) }
  } finally {
    transport.close()
    socket.on('error', () => undefined).destroy()
  }
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && ['smtp:', 'smtps:'].includes(url.protocol) && url.hostname !== '') return url
  throw new BlockError('EMAIL_FAILED', 'the connection is no address; expected smtp://user:password@host:port', {
    class: 'permanent',
  })
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'smtps:' ? 465 : 587))
}

function mailOf(context: BlockContext, message: Omit<Input, 'timeout_ms' | 'connection'>): object {
  const { attachments = [], ...rest } = message
  const hash = createHash('sha256')
    .update(`${context.tenant}/${context.runId}/${context.stepId}`)
    .digest('hex')
    .slice(0, 32)
  return {
    ...rest,
    messageId: `<${hash}@beamline>`,
    attachments: attachments.map(({ filename, content, bytes, type }) => ({
      filename,
      content: bytes === undefined ? (content ?? '') : Buffer.from(bytes, 'base64'),
      ...(type !== undefined && { contentType: type }),
    })),
  }
}

/** 4xx of the server may go better later, 5xx not. */
function ownError(error: unknown, settings: ConnectionOf<'smtp'>): BlockError {
  if (error instanceof BlockError) return error
  const { responseCode, code, message } = error as {
    readonly responseCode?: number
    readonly code?: string
    readonly message?: string
  }
  const url = addressOf(settings.url)
  const status = responseCode ?? null
  const isFinal = status === null ? code === 'EENVELOPE' || code === 'EAUTH' : status >= 500
  const text = `the message was not sent by ${hostAndPort(hostOf(url), portOf(url))}: ${String(message).slice(0, 500)}`
  return new BlockError(isFinal ? 'EMAIL_REJECTED' : 'EMAIL_FAILED', text, {
    detail: { status, code: code ?? null },
    cause: error,
  })
}
