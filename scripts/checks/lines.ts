import type { SourceFile } from './source-files.ts'

export const mostLines = 400

/** Long files have to say why, in their first ten lines: `over 400 lines: <reason>`. */
export const lineProblems = (files: readonly SourceFile[]): readonly string[] =>
  files.flatMap(({ path, text }) => {
    if (!/\.(ts|mjs|js)$/.test(path)) return []
    const lines = text.split('\n')
    const count = lines.length - (lines.at(-1) === '' ? 1 : 0)
    const stated = /over 400 lines: \S/i.test(lines.slice(0, 10).join('\n'))
    return count > mostLines && !stated
      ? [`${path} has ${count} lines: split it, or say "over ${mostLines} lines: <reason>" in its first comment`]
      : []
  })
