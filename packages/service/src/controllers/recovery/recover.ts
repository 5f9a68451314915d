/** Carries out what was planned: the files first, the state last. What is in the way is moved aside; nothing is deleted and no engine is touched. */
import { existsSync } from 'node:fs'
import type { Home } from '../../home/home.ts'
import { writeSqliteStore } from '../../store/sqlite-file.ts'
import { applyFiles, type FilesPlan, planFiles } from './files.ts'
import { type PlanContext, planState, type StatePlan } from './plan.ts'

export interface Recovery {
  readonly state: StatePlan
  readonly files: FilesPlan
  /** Neither the state nor a file has to be written. */
  readonly isWhole: boolean
}

interface RecoverContext extends PlanContext {
  readonly environment: NodeJS.ProcessEnv
}

const inputsOf = (context: RecoverContext, state: StatePlan) => ({
  home: context.home,
  entries: state.entries,
  environment: context.environment,
  running: state.running,
  now: context.clock.now,
})

export const planRecovery = async (context: RecoverContext): Promise<Recovery> => {
  const state = await planState(context)
  const files = planFiles(inputsOf(context, state))
  return { state, files, isWhole: state.isWhole && files.restore.length + files.make.length === 0 && files.blocked === null }
}

const clearState = async (home: Home, now: number): Promise<readonly string[]> => {
  const moved: string[] = []
  for (const suffix of ['', '-wal', '-shm']) {
    const path = `${home.stateFile}${suffix}`
    if (existsSync(path)) moved.push(await home.setAside(path, now))
  }
  return moved
}

/** Returns where what was in the way is now. The lock of the home is held by the caller. */
export const applyRecovery = async (context: RecoverContext, { state, files }: Recovery): Promise<readonly string[]> => {
  const marks = await applyFiles(inputsOf(context, state), files)
  if (state.isWhole && marks.size === 0) return []
  const moved = await clearState(context.home, context.clock.now())
  const entries = [...state.entries, ...marks]
    .map(([key, value]) => ({ key, value, revision: state.revision }))
    .toSorted((left, right) => (left.key < right.key ? -1 : 1))
  writeSqliteStore(context.home.stateFile, { id: state.id, revision: state.revision, entries })
  return moved
}
