/**
 * One connection to one broker: frames, correlation ids, timeouts, TLS and SASL. Requests are written in the order of the calls and the broker works on
 * one at a time. Whatever goes wrong with one request ends the connection, so that no late answer can be taken for another's.
 */
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Cancel, Environment } from '../../topology/environment.ts'
import { KafkaClientError, type KafkaOptions, type SaslOptions } from './contract.ts'
import { type KafkajsProtocol, saslAuthenticatorClass, silentLogger } from './internals.ts'
import { assertNoError } from './protocol-error.ts'
import { FrameReader } from './socket-frames.ts'
import { Reader, Writer } from './wire.ts'

export interface Request<T> {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  /** True where this version of the request has tagged fields (request header 2, response header 1). */
  readonly flexible?: boolean
  /** About what it takes; more may follow. Default: 1 KiB. */
  readonly roomBytes?: number
  encode(writer: Writer): void
  decode(reader: Reader): T
}

export interface SendOptions {
  /** Default: the request timeout of the options. A long poll adds its own wait to it. */
  readonly timeoutMs?: number
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

export interface BrokerConnection extends BrokerAddress {
  /** True once nothing can be sent any more. */
  readonly closed: boolean
  /** True when the authenticated session is about to end: use another connection. */
  readonly expiring: boolean
  readonly inFlight: number
  /** Highest version of an API that the broker takes; -1 if it does not know the API. */
  maxVersion(apiKey: number): number
  send<T>(request: Request<T>, options?: SendOptions): Promise<T>
  /** The same for a request in kafkajs's own description; answers what it decodes, before it looks for errors. */
  sendKafkajs(protocol: KafkajsProtocol, options?: SendOptions): Promise<unknown>
  /** Fails what is under way. */
  close(reason?: string): void
}

/** The connection, not the broker, failed: the request may or may not have been carried out. */
export class ConnectionError extends Error {
  readonly kind: 'connect' | 'closed' | 'timeout' | 'authentication'

  constructor(kind: ConnectionError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ConnectionError'
    this.kind = kind
  }
}

/** The youngest requests that we make; with them come the older ones. */
const NEEDED_VERSIONS = [
  { apiName: 'Produce', apiKey: 0, apiVersion: 8 },
  { apiName: 'Metadata', apiKey: 3, apiVersion: 7 },
  { apiName: 'OffsetFetch', apiKey: 9, apiVersion: 7 },
  { apiName: 'InitProducerId', apiKey: 22, apiVersion: 4 },
]
const READ_BYTES = 128 * 1024
const DEFAULT_ROOM_BYTES = 1024
const DEFAULT_CONNECTION_TIMEOUT_MS = 3_000
const DEFAULT_REQUEST_TIMEOUT_MS = 15_000
/** Part of a SASL session's life after which the connection is replaced. */
const SESSION_SHARE = 0.85

interface Waiting {
  readonly apiName: string
  readonly resolve: (payload: Buffer) => void
  readonly reject: (error: Error) => void
  readonly cancelTimeout: Cancel
}

/** Opens, negotiates and authenticates. @throws {ConnectionError} */
export async function openConnection(
  address: BrokerAddress,
  options: KafkaOptions,
  environment: Environment,
): Promise<BrokerConnection> {
  const frames = new FrameReader()
  const socket = await openSocket(address, options, environment, frames)
  const connection = new FramedConnection(socket, frames, address, options, environment)
  try {
    await connection.negotiate()
    if (options.sasl !== undefined) await connection.authenticate(options.sasl)
    return connection
  } catch (error) {
    connection.close('it could not be set up')
    throw error
  }
}

function openSocket(
  address: BrokerAddress,
  options: KafkaOptions,
  environment: Environment,
  frames: FrameReader,
): Promise<Socket> {
  const { host, port } = address
  return new Promise((resolve, reject) => {
    const tls = options.tls === true ? {} : options.tls
    const secure = tls !== undefined && tls !== false
    const socket: Socket = secure
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...tls })
      : connectTcp({ host, port, onread: intoFrames(frames) })
    if (secure) socket.on('data', (chunk: Buffer) => frames.take(chunk))
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    const timeoutMs = options.connectionTimeoutMs ?? DEFAULT_CONNECTION_TIMEOUT_MS
    const cancel = environment.after(timeoutMs, () => {
      socket.destroy(new Error(`no connection within ${timeoutMs} ms`))
    })
    const failed = (error: Error) => {
      cancel()
      reject(new ConnectionError('connect', `cannot connect to ${host}:${port}: ${error.message}`, { cause: error }))
    }
    socket.once('error', failed)
    socket.once('close', () => failed(new Error('closed')))
    const connected = () => {
      cancel()
      // Its next owner listens one turn later; an error in between must not go unheard.
      socket.off('error', failed).on('error', () => {})
      socket.removeAllListeners('close')
      resolve(socket)
    }
    socket.once(secure ? 'secureConnect' : 'connect', connected)
  })
}

/** Everything is read into one piece of memory, and copied once, to where its frame gathers. */
function intoFrames(frames: FrameReader): OnReadOpts {
  return {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback(length, bytes) {
      frames.take(bytes.subarray(0, length))
      return true
    },
  }
}

class FramedConnection implements BrokerConnection {
  readonly host: string
  readonly port: number
  readonly #socket: Socket
  readonly #frames: FrameReader
  readonly #options: KafkaOptions
  readonly #environment: Environment
  readonly #waiting = new Map<number, Waiting>()
  #versions: Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> = {}
  #nextCorrelationId = 0
  #closed = false
  #expiresAtMs = Number.POSITIVE_INFINITY

  constructor(
    socket: Socket,
    frames: FrameReader,
    address: BrokerAddress,
    options: KafkaOptions,
    environment: Environment,
  ) {
    this.host = address.host
    this.port = address.port
    this.#socket = socket
    this.#frames = frames
    this.#options = options
    this.#environment = environment
    frames.onFrame = (frame) => this.#answered(frame.readInt32BE(0), frame.subarray(4))
    frames.onNonsense = () =>
      this.#fail(new ConnectionError('closed', `${this.#name} does not speak Kafka's protocol here (TLS or plain?)`))
    socket.on('error', (error: Error) => this.#fail(new ConnectionError('closed', `${this.#name}: ${error.message}`)))
    socket.on('close', () => this.#fail(new ConnectionError('closed', `${this.#name} closed the connection`)))
  }

  get closed(): boolean {
    return this.#closed
  }

  get expiring(): boolean {
    return this.#environment.monotonic() >= this.#expiresAtMs
  }

  get inFlight(): number {
    return this.#waiting.size
  }

  get #name(): string {
    return `broker ${this.host}:${this.port}`
  }

  maxVersion(apiKey: number): number {
    return this.#versions[apiKey]?.maxVersion ?? -1
  }

  async send<T>(request: Request<T>, options?: SendOptions): Promise<T> {
    const writer = this.#header(request)
    request.encode(writer)
    const payload = await this.#exchange(request.apiName, writer, options)
    const reader = new Reader(payload)
    if (request.flexible) reader.skipTags()
    return this.#decoded(request.apiName, () => request.decode(reader))
  }

  async sendKafkajs({ request, response }: KafkajsProtocol, options?: SendOptions): Promise<unknown> {
    const body = await request.encode()
    const writer = this.#header(request).raw(body.buffer)
    return response.decode(await this.#exchange(request.apiName, writer, options))
  }

  close(reason = 'closed'): void {
    this.#fail(new ConnectionError('closed', `the connection to ${this.#name} was closed: ${reason}`))
  }

  async negotiate(): Promise<void> {
    const versions = await this.send(apiVersions, {
      timeoutMs: this.#options.connectionTimeoutMs ?? DEFAULT_CONNECTION_TIMEOUT_MS,
    })
    this.#versions = versions
    for (const { apiName, apiKey, apiVersion } of NEEDED_VERSIONS) {
      const { minVersion = 0, maxVersion = -1 } = versions[apiKey] ?? {}
      if (minVersion <= apiVersion && apiVersion <= maxVersion) continue
      const found = maxVersion < 0 ? 'not at all' : `in versions ${minVersion} to ${maxVersion}`
      throw new KafkaClientError(
        'REFUSED',
        `${this.#name} takes ${apiName} ${found}; needed is version ${apiVersion} (Kafka 2.7 or newer)`,
      )
    }
  }

  async authenticate(sasl: SaslOptions): Promise<void> {
    const Authenticator = saslAuthenticatorClass()
    const send = async (protocol: KafkajsProtocol) =>
      protocol.response.parse(await this.sendKafkajs(protocol, { timeoutMs: 10_000 }))
    // kafkajs keeps its provider in the options it is given: a copy for each connection.
    const shim = { host: this.host, port: this.port, sasl: { ...sasl }, send }
    const authenticator = new Authenticator(shim, silentLogger, this.#versions, true)
    try {
      await authenticator.authenticate()
    } catch (error) {
      // A lost connection is not a wrong password.
      if (this.#closed) throw new ConnectionError('closed', `${this.#name} closed the connection during SASL`)
      throw new ConnectionError('authentication', `${this.#name}: ${(error as Error).message}`, { cause: error })
    }
    const lifetimeMs = Number(authenticator.sessionLifetime)
    if (lifetimeMs > 0) this.#expiresAtMs = this.#environment.monotonic() + lifetimeMs * SESSION_SHARE
  }

  #header(request: Pick<Request<unknown>, 'apiKey' | 'apiVersion' | 'flexible' | 'roomBytes'>): Writer {
    const writer = new Writer(request.roomBytes ?? DEFAULT_ROOM_BYTES)
    writer.int32(0).int16(request.apiKey).int16(request.apiVersion).int32(this.#nextCorrelationId)
    this.#nextCorrelationId = (this.#nextCorrelationId + 1) & 0x7fffffff
    writer.string(this.#options.clientId)
    if (request.flexible) writer.noTags()
    return writer
  }

  #exchange(apiName: string, writer: Writer, options: SendOptions | undefined): Promise<Buffer> {
    if (this.#closed) return Promise.reject(new ConnectionError('closed', `no connection to ${this.#name}`))
    const correlationId = writer.setInt32(0, writer.size - 4).getInt32(8)
    const timeoutMs = options?.timeoutMs ?? this.#options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS
    return new Promise((resolve, reject) => {
      const cancelTimeout = this.#environment.after(timeoutMs, () => {
        this.#fail(new ConnectionError('timeout', `${this.#name} did not answer ${apiName} within ${timeoutMs} ms`))
      })
      this.#waiting.set(correlationId, { apiName, resolve, reject, cancelTimeout })
      this.#write(writer)
    })
  }

  /** What is sent in one turn goes out in one system call. */
  #write(frame: Writer): void {
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork()
      process.nextTick(() => this.#socket.uncork())
    }
    for (const part of frame.parts()) this.#socket.write(part)
  }

  #decoded<T>(apiName: string, decode: () => T): T {
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      const message = `${this.#name} answered ${apiName} with something else than expected: ${error.message}`
      this.#fail(new ConnectionError('closed', message))
      throw new ConnectionError('closed', message, { cause: error })
    }
  }

  #answered(correlationId: number, payload: Buffer): void {
    const waiting = this.#waiting.get(correlationId)
    if (waiting === undefined) {
      this.#fail(new ConnectionError('closed', `${this.#name} answered a request that was not made`))
      return
    }
    this.#waiting.delete(correlationId)
    waiting.cancelTimeout()
    waiting.resolve(payload)
  }

  #fail(error: ConnectionError): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.destroy()
    for (const waiting of this.#waiting.values()) {
      waiting.cancelTimeout()
      waiting.reject(error)
    }
    this.#waiting.clear()
    this.#frames.close()
  }
}

const apiVersions: Request<Record<number, { readonly minVersion: number; readonly maxVersion: number }>> = {
  apiKey: 18,
  apiVersion: 2,
  apiName: 'ApiVersions',
  encode() {},
  decode(reader) {
    assertNoError(reader.int16(), 'ApiVersions', 'the broker')
    const ranges = reader.array((each) => [each.int16(), each.int16(), each.int16()] as const)
    return Object.fromEntries(ranges.map(([key, minVersion, maxVersion]) => [key, { minVersion, maxVersion }]))
  },
}
