/**
 * As much of PostgreSQL's protocol (version 3, text format) as a client needs for single statements: for machines without PostgreSQL.
 * Messages are a letter, the length of what follows (4 bytes, itself included), and the content; the first one of a client has no letter.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import type { Socket } from 'node:net'

export interface Column {
  readonly name: string
  readonly isInteger: boolean
}

export interface Table {
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly (string | null)[])[]
  /** E.g. `SELECT 3`. */
  readonly tag: string
}

/** Runs a statement with its parameters; `columns` without running it. */
export interface Engine {
  columns(text: string): readonly Column[]
  run(text: string, values: readonly (string | null)[]): Table
}

const SSL_REQUEST = 80_877_103
const CANCEL_REQUEST = 80_877_102
const INTEGER = 23
const TEXT = 25
/** Outside a transaction. */
const READY = Buffer.from('I')

export function serveClient(socket: Socket, engine: Engine): void {
  const client = new Client(socket, engine)
  let waiting: Buffer = Buffer.alloc(0)
  socket.on('error', () => socket.destroy())
  socket.on('data', (more) => {
    waiting = Buffer.concat([waiting, more])
    for (;;) {
      const head = client.hasStarted ? 1 : 0
      if (waiting.length < head + 4) return
      const end = head + waiting.readUInt32BE(head)
      if (waiting.length < end) return
      const content = waiting.subarray(head + 4, end)
      const type = head === 0 ? '' : String.fromCharCode(waiting[0]!)
      waiting = waiting.subarray(end)
      client.take(type, content)
    }
  })
}

class Client {
  readonly #socket: Socket
  readonly #engine: Engine
  hasStarted = false
  #text = ''
  #values: readonly (string | null)[] = []
  /** After an error nothing counts until the client says `Sync`. */
  #failed = false

  constructor(socket: Socket, engine: Engine) {
    this.#socket = socket
    this.#engine = engine
  }

  take(type: string, content: Buffer): void {
    if (!this.hasStarted) this.#start(content.readUInt32BE(0))
    else if (type === 'X') this.#socket.end()
    else if (type === 'S') this.#synchronise()
    else if (!this.#failed) this.#attempt(type, content)
  }

  #start(code: number): void {
    if (code === SSL_REQUEST) this.#socket.write('N')
    else if (code === CANCEL_REQUEST) this.#socket.end()
    else {
      this.hasStarted = true
      this.#send('R', numbers(0))
      this.#send('S', texts('server_version', '15.0'))
      this.#send('K', numbers(1, 1))
      this.#send('Z', READY)
    }
  }

  #synchronise(): void {
    this.#failed = false
    this.#send('Z', READY)
  }

  #attempt(type: string, content: Buffer): void {
    try {
      this.#obey(type, content)
    } catch (error) {
      this.#failed = type !== 'Q'
      this.#send('E', texts('SERROR', 'VERROR', 'C42000', `M${(error as Error).message}`, ''))
    }
    if (type === 'Q') this.#send('Z', READY)
  }

  #obey(type: string, content: Buffer): void {
    if (type === 'P') {
      this.#text = content.toString('utf8').split('\0')[1]!
      this.#send('1')
    } else if (type === 'B') {
      this.#values = valuesOf(content)
      this.#send('2')
    } else if (type === 'D') {
      this.#describe(this.#engine.columns(this.#text))
    } else if (type === 'E') {
      this.#answer(this.#engine.run(this.#text, this.#values))
    } else if (type === 'Q') {
      const table = this.#engine.run(content.toString('utf8', 0, content.length - 1), [])
      if (table.columns.length > 0) this.#describe(table.columns)
      this.#answer(table)
    } else if (type === 'C') {
      this.#send('3')
    } else if (type !== 'H') {
      throw new Error(`this stand-in does not know messages of type ${type}`)
    }
  }

  #describe(columns: readonly Column[]): void {
    if (columns.length === 0) {
      this.#send('n')
      return
    }
    const fields = columns.map(({ name, isInteger }) => {
      const rest = Buffer.alloc(18)
      rest.writeUInt32BE(isInteger ? INTEGER : TEXT, 6)
      rest.writeInt16BE(-1, 10)
      rest.writeInt32BE(-1, 12)
      return Buffer.concat([texts(name), rest])
    })
    this.#send('T', Buffer.concat([short(columns.length), ...fields]))
  }

  #answer({ rows, tag }: Table): void {
    for (const row of rows) {
      const values = row.map((value) => {
        if (value === null) return numbers(-1)
        return Buffer.concat([numbers(Buffer.byteLength(value)), Buffer.from(value)])
      })
      this.#send('D', Buffer.concat([short(row.length), ...values]))
    }
    this.#send('C', texts(tag))
  }

  #send(type: string, content: Buffer = Buffer.alloc(0)): void {
    this.#socket.write(Buffer.concat([Buffer.from(type), numbers(content.length + 4), content]))
  }
}

/** Of a `Bind`: two names, formats, values. */
function valuesOf(content: Buffer): readonly (string | null)[] {
  let at = content.indexOf(0, content.indexOf(0) + 1) + 1
  at += 2 + 2 * content.readUInt16BE(at)
  const count = content.readUInt16BE(at)
  at += 2
  return Array.from({ length: count }, () => {
    const length = content.readInt32BE(at)
    at += 4
    if (length < 0) return null
    at += length
    return content.toString('utf8', at - length, at)
  })
}

function numbers(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length)
  for (const [at, value] of values.entries()) buffer.writeInt32BE(value, 4 * at)
  return buffer
}

function short(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function texts(...values: readonly string[]): Buffer {
  return Buffer.from(values.map((value) => `${value}\0`).join(''))
}
