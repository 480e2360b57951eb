/** The documents people read, and what is in them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')

/** Relative paths of the README and everything in `docs`. */
export function documents(): readonly string[] {
  const docs = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))
  return ['README.md', ...docs.map((name) => `docs/${name}`)]
}

/** The pages of the examples. */
export function examplePages(): readonly string[] {
  const folder = join(ROOT, 'docs', 'examples')
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return ['docs/examples/README.md', ...names.map(({ name }) => `docs/examples/${name}/README.md`)]
}

export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

export function exists(path: string): boolean {
  return existsSync(join(ROOT, path))
}

/** Contents of the fenced blocks of one language. */
export function fenced(text: string, language: string): readonly string[] {
  const fence = new RegExp(`^\`\`\`${language}(?: elsewhere)?\\n([\\s\\S]*?)^\`\`\`$`, 'gm')
  return [...text.matchAll(fence)].map((found) => found[1]!)
}

/** YAML files that a shell script writes with `cat > NAME <<'EOF'`. */
export function hereDocuments(script: string): readonly string[] {
  return [...script.matchAll(/<<'EOF'\n([\s\S]*?)^EOF$/gm)].map((found) => found[1]!)
}
