import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The example flows that come with the package, by file name. */
export async function exampleFlows(): Promise<readonly { readonly name: string; readonly text: string }[]> {
  for (const place of ['../load/demo/flows/', '../../load/demo/flows/']) {
    const folder = fileURLToPath(new URL(place, import.meta.url))
    const files = await readdir(folder).catch(() => [])
    const flows = files.filter((file) => file.endsWith('.yaml')).sort()
    if (flows.length > 0) {
      return Promise.all(flows.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })))
    }
  }
  return []
}
