// Starts `dnac lsp` for .dna files. Highlighting works without it.

let client;

async function activate() {
  const vscode = require("vscode");
  let languageClient;
  try {
    languageClient = require("vscode-languageclient/node");
  } catch {
    vscode.window.showInformationMessage("dnac: run `npm install` in the extension's folder for diagnostics and completion");
    return;
  }
  const [command, ...args] = vscode.workspace.getConfiguration("dnac").get("command");
  const server = { command, args };
  const options = { documentSelector: [{ scheme: "file", language: "dna" }] };
  client = new languageClient.LanguageClient("dnac", "dnac", server, options);
  await client.start();
}

async function deactivate() {
  await client?.stop();
}

module.exports = { activate, deactivate };
