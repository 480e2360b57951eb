/** The file of a thread's program beside the module that starts it: `.ts` in a checkout, `.js` in the built package. */
export function workerFile(name: string, moduleUrl: string): URL {
  return new URL(`./${name}${moduleUrl.endsWith('.ts') ? '.ts' : '.js'}`, moduleUrl)
}
