import './styles/page.css';
import './styles/controls.css';
import './styles/transcript.css';
import './styles/markdown.css';
import './styles/code.css';
import './styles/exchange.css';
import './styles/dock.css';
import './styles/anchors.css';
import './styles/popup.css';
import './styles/sessions.css';
import { ChatPage } from './view/chatPage.ts';
import { Host } from './host.ts';

const root = document.getElementById('root');
if (!root) {
  throw new Error('The chat page needs an element with the id "root".');
}
const host = new Host();
new ChatPage(root, host).start();
