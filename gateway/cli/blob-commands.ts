/** `beamline blob`: large values beside the log. */
import { isUtf8 } from 'node:buffer'
import { readFile, writeFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { hashOfBlob, isBlobHash } from '../../schemas/blob.ts'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import { counted } from './look.ts'
import { type Shell, unreadable } from './shell.ts'

interface PutOptions {
  readonly type?: string
  readonly array?: 'f32' | 'i32' | 'u8'
  readonly shape?: string
}

export function addBlobCommands(program: Command, act: Act): void {
  const blob = program.command('blob').description('store and load large values')
  blob
    .command('put <file>')
    .description('store a file and print its reference; - reads standard input')
    .option('--type <media-type>', 'media type, e.g. image/png')
    .option('--array <element>', 'it holds numbers: f32, i32 or u8, little-endian')
    .option('--shape <lengths>', 'with --array: lengths of the dimensions, e.g. 2,3')
    .action(act((shell, file: string, options: PutOptions) => put(shell, file, options)))
  blob
    .command('get <blob>')
    .description('load a blob, by reference or hash')
    .option('--out <file>', 'where to write it; default: standard output, for text')
    .action(act((shell, reference: string, { out }: { readonly out?: string }) => get(shell, reference, out)))
}

async function put(shell: Shell, file: string, { type, array, shape }: PutOptions): Promise<void> {
  const body =
    file === '-'
      ? await buffer(shell.stdin)
      : await readFile(file).catch((error: unknown) => Promise.reject(unreadable(file, error)))
  const query = { ...(array === undefined ? {} : { array }), ...(shape === undefined ? {} : { shape }) }
  const answer = await shell.api.putBlob({ body, query, ...(type === undefined ? {} : { contentType: type }) })
  shell.print(answer, `${answer.blob} ${counted(answer.size, 'byte')}`, [answer.blob])
}

async function get(shell: Shell, reference: string, out: string | undefined): Promise<void> {
  const hash = hashOfBlob(reference) ?? reference
  if (!isBlobHash(hash)) {
    throw new CliError(
      EXIT.usage,
      `'${reference.slice(0, 100)}' is no blob; expected blob:// and 64 hexadecimal digits`,
    )
  }
  const bytes = await shell.api.getBlob({ params: { hash } })
  if (out === undefined) {
    if (!isUtf8(bytes)) throw new CliError(EXIT.usage, 'the blob is no text; expected --out with a file to write it to')
    shell.stdout.write(Buffer.from(bytes).toString('utf8'))
    return
  }
  await writeFile(out, bytes)
  shell.print({ file: out, size: bytes.length }, `${out} ${counted(bytes.length, 'byte')}`, [out])
}
