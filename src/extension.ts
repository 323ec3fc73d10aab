import * as vscode from 'vscode';
import { z } from 'zod';
import { ChatContextKeys } from './host/chat/chatContextKeys.ts';
import { ChatController } from './host/chat/chatController.ts';
import { ChatViewProvider } from './host/chat/chatViewProvider.ts';
import { AttachFileCommand } from './host/chat/commands/attachFile.ts';
import { AttachSelectionCommand } from './host/chat/commands/attachSelection.ts';
import { CopyAnswerCommand } from './host/chat/commands/copyAnswer.ts';
import { ExportSessionCommand } from './host/chat/commands/exportSession.ts';
import { ImportSessionCommand } from './host/chat/commands/importSession.ts';
import { InsertCodeCommand } from './host/chat/commands/insertCode.ts';
import { NewSessionCommand } from './host/chat/commands/newSession.ts';
import { OpenSessionCommand } from './host/chat/commands/openSession.ts';
import { RenameSessionCommand } from './host/chat/commands/renameSession.ts';
import { StopAnswerCommand } from './host/chat/commands/stopAnswer.ts';
import { revealChatOnce } from './host/chat/firstReveal.ts';
import { LastSession } from './host/chat/lastSession.ts';
import { CommandManager } from './host/commandManager.ts';
import { Configuration } from './host/configuration.ts';
import { ErrorPresenter } from './host/errorPresenter.ts';
import { DeleteExplanationCommand } from './host/explain/commands/deleteExplanation.ts';
import { ExplainSelectionCommand } from './host/explain/commands/explainSelection.ts';
import { ReplyToExplanationCommand } from './host/explain/commands/replyToExplanation.ts';
import { RetryExplanationCommand } from './host/explain/commands/retryExplanation.ts';
import { StopExplanationCommand } from './host/explain/commands/stopExplanation.ts';
import { ExplainCodeActions } from './host/explain/explainCodeActions.ts';
import { ExplainController } from './host/explain/explainController.ts';
import { OpenFileIndexer } from './host/files/openFileIndexer.ts';
import { PowerSource } from './host/files/powerSource.ts';
import { DiagnoseCommand } from './host/status/commands/diagnose.ts';
import { RestartWorkerCommand } from './host/status/commands/restartWorker.ts';
import { ShowLogCommand } from './host/status/commands/showLog.ts';
import { ShowMenuCommand } from './host/status/commands/showMenu.ts';
import { FailureNotices } from './host/status/failureNotices.ts';
import { RestartOffer } from './host/status/restartOffer.ts';
import { TryGpuAgainCommand } from './host/status/commands/tryGpuAgain.ts';
import { StatusBar } from './host/status/statusBar.ts';
import { SummarizeFileCommand } from './host/summarize/commands/summarizeFile.ts';
import { SummarizeSelectionCommand } from './host/summarize/commands/summarizeSelection.ts';
import { Summarizer } from './host/summarize/summarizer.ts';
import { VirtualDocuments } from './host/virtualDocuments.ts';
import { WorkerAssistant } from './host/workerAssistant.ts';

/** What the extension gives to other extensions, and to its own tests. */
export interface AnchorageApi {
  readonly assistant: WorkerAssistant;
  readonly chat: ChatController;
  readonly explain: ExplainController;
  readonly statusBar: StatusBar;
}

const manifestSchema = z.object({ version: z.string() });

export function activate(context: vscode.ExtensionContext): AnchorageApi {
  const { extensionUri, extensionPath, subscriptions } = context;
  const kept: vscode.Disposable[] = [];
  const keep = <T extends vscode.Disposable>(disposable: T): T => {
    kept.push(disposable);
    return disposable;
  };
  // Last made, first gone: what comes first, the log above all, is still used while the rest ends.
  subscriptions.push({
    dispose: () => {
      kept.reverse().forEach((disposable) => void disposable.dispose());
    },
  });

  const log = keep(vscode.window.createOutputChannel('Anchorage', { log: true }));
  const errors = new ErrorPresenter(log);
  const configuration = keep(new Configuration(log));
  const { storageUri, globalStorageUri } = context;
  const folders = { storageFolder: (storageUri ?? globalStorageUri).fsPath, profileFolder: globalStorageUri.fsPath };

  const assistant = keep(new WorkerAssistant(extensionPath, folders, configuration, log));

  const chat = keep(new ChatController(assistant, configuration, new LastSession(context.workspaceState), log));
  const chatView = keep(new ChatViewProvider(extensionUri, chat, errors));
  keep(new ChatContextKeys(chat));
  const explain = keep(new ExplainController(assistant, configuration));
  keep(new ExplainCodeActions());
  const summaries = keep(new VirtualDocuments('anchorage-summary'));
  const summarizer = new Summarizer(assistant, configuration, summaries);
  const reports = keep(new VirtualDocuments('anchorage-report'));
  const statusBar = keep(new StatusBar(assistant));
  keep(new FailureNotices(assistant, errors));
  keep(new RestartOffer(assistant, configuration, errors));
  keep(new OpenFileIndexer(assistant, configuration, new PowerSource(), log));

  const { version } = manifestSchema.parse(context.extension.packageJSON);
  keep(new CommandManager(errors)).add(
    new NewSessionCommand(chat, chatView),
    new StopAnswerCommand(chat),
    new AttachSelectionCommand(chat, chatView, configuration),
    new AttachFileCommand(chat, chatView, configuration),
    new OpenSessionCommand(assistant, chat, chatView),
    new RenameSessionCommand(chat, chatView),
    new ExportSessionCommand(chat, chatView),
    new ImportSessionCommand(chat, chatView),
    new CopyAnswerCommand(chat),
    new InsertCodeCommand(chat),
    new ExplainSelectionCommand(explain),
    new ReplyToExplanationCommand(explain),
    new StopExplanationCommand(explain),
    new RetryExplanationCommand(explain),
    new DeleteExplanationCommand(explain),
    new SummarizeSelectionCommand(summarizer, configuration),
    new SummarizeFileCommand(summarizer, configuration),
    new DiagnoseCommand(assistant, configuration, reports, version),
    new RestartWorkerCommand(assistant),
    new ShowLogCommand(log),
    new ShowMenuCommand(),
    new TryGpuAgainCommand(assistant),
  );
  void revealChatOnce(context);
  return { assistant, chat, explain, statusBar };
}
