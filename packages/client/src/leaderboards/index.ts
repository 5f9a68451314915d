/** Leaderboards on sorted sets. */
export { createLeaderboard, type Leaderboard, type LeaderboardOptions, submitToAll } from './leaderboard.ts'
export type { Period } from './periods.ts'
export type { Entry, Row, Update } from './rows.ts'
