/** The library: `import { openPhasr } from 'phasr'`. */

export {
  type Phasr,
  type OpenOptions,
  examine,
  initUserSettings,
  listAgents,
  openPhasr,
  readSettings,
  repair,
} from './phasr.ts';
export { PhasrError, type ErrorCode, type ErrorKind } from './base/errors.ts';
export type { Oid } from './base/oid.ts';
export { parseTaskId, type TaskId } from './task/names.ts';
export type { Changes, MergeStrategy, RecordedEvent, RunOutcome, TaskEvent } from './task/event.ts';
export type { Run, Task, TaskPhase } from './task/task.ts';
export type { StateName, TaskState } from './task/state.ts';
export type { Refusal, RefusalReason } from './task/decide.ts';
export type { FoundAgent } from './operations/agents.ts';
export type { DiffOptions, TaskDiff } from './operations/diff.ts';
export type { FileChange } from './git/diff.ts';
export type { DiscardOutcome } from './operations/discard.ts';
export type { SnapshotOutcome } from './operations/snapshot.ts';
export type { SnapshotView } from './operations/history.ts';
export type { Operation, RepairOperation, TaskOperation } from './operations/operation-log.ts';
export type { RestoreOutcome } from './operations/restore.ts';
export type { RewindOutcome } from './operations/rewind.ts';
export type { EmptyOutcome, TrashItem } from './operations/trash.ts';
export type { UndoOutcome, UndoRequest } from './operations/undo.ts';
export type { Finding } from './operations/doctor/examine.ts';
export type { Repair } from './operations/doctor/repair-kinds.ts';
export type { Entered, ForegroundEnd } from './operations/enter.ts';
export type { TaskView } from './operations/inspect.ts';
export type { TaskDetails } from './operations/show.ts';
export type { AgentChoice } from './operations/agent-choice.ts';
export type { EventsRequest, LoggedEvent } from './operations/events.ts';
export type { SignalRequest } from './operations/signal.ts';
export type { Launched, LaunchRequest, TaskDraft } from './operations/launch.ts';
export type { AgentEvent, LogEntry, LogPiece, LogRequest } from './operations/logs.ts';
export type { MergeOutcome, MergeRequest } from './operations/merge.ts';
export type { ResumeOutcome, ResumeRequest } from './operations/resume.ts';
export type {
  CustomAgentDeclaration,
  Origin,
  Setting,
  Settings,
  SettingsFile,
} from './operations/settings.ts';
export type { Initialized, InitRequest } from './operations/init.ts';
export type { StopOutcome } from './operations/stop.ts';
export type { WaitOptions, WaitOutcome } from './operations/wait.ts';
