<?php
// Takes the metadata of service providers (POST /sp?encrypt&encrypt-name), changes its key (POST /key?step=1, then 2), and
// leaves everything else to SimpleSAMLphp.

$folder = getenv('PEER_FOLDER');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if ($path === '/key') {
    file_put_contents($folder . '/step', (string) (int) $_GET['step']);
    return;
}
if ($path !== '/sp') {
    return false;
}
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    echo 'here';
    return;
}
$body = file_get_contents('php://input');
// Addresses are given out again: of two with one name, the last counts.
$name = $folder . '/sp/' . hash('sha256', preg_match('/entityID="([^"]*)"/', $body, $found) ? $found[1] : $body);
file_put_contents($name . '.json', json_encode($_GET));
file_put_contents($name . '.xml', $body);
echo 'known';
